/* The arithmetic of an exported tiny network: C99, no allocation, nothing but math.h. See pulsewise.h for its use and
   pulsewise_data.h for the numbers. Everything static is counted in PULSEWISE_RAM_BYTES. */

#include "pulsewise.h"

#include <math.h>

#include "pulsewise_data.h"

static float row[ROW];                                    /* one channel, before it is halved */
static float activations[ACTIVATIONS];                    /* channels one after another, each as long as it is */
static float window[PULSEWISE_CHANNELS * PULSEWISE_SAMPLES];

static float positive(float x) { return x > 0.0f ? x : 0.0f; }

/* A convolution of one row with zeros around it, keeping every other sample: added to `out`. */
static void add_halved(const float *x, int n, const weight *w, int taps, float *out) {
    int i, j;
    for (i = 0; i < (n + 1) / 2; i++) {
        float sum = 0.0f;
        for (j = 0; j < taps; j++) {
            int at = 2 * i + j - taps / 2;
            if (at >= 0 && at < n) sum += (float)w[j] * x[at];
        }
        out[i] += sum;
    }
}

static void finish(float *x, int n, float scale, float bias) {
    int i;
    for (i = 0; i < n; i++) x[i] = positive(x[i] * scale + bias);
}

/* Channel by channel: halved and put where the next `n` floats begin; `x` is in `row`. */
static void depthwise(const block *b, int channel, int n) {
    int i, half = (n + 1) / 2;
    float *out = activations + channel * half;
    for (i = 0; i < half; i++) out[i] = 0.0f;
    add_halved(row, n, b->depth + DEPTH_TAPS * channel, DEPTH_TAPS, out);
    finish(out, half, b->depth_scale[channel], b->depth_bias[channel]);
}

/* Moment by moment: `in` channels become `out` channels in place. */
static void pointwise(const block *b, int n) {
    float column[WIDEST];
    int c, o, t;
    for (t = n - 1; t >= 0; t--) {
        for (c = 0; c < b->in; c++) column[c] = activations[c * n + t];
        for (o = 0; o < b->out; o++) {
            float sum = 0.0f;
            for (c = 0; c < b->in; c++) sum += (float)b->point[o * b->in + c] * column[c];
            activations[o * n + t] = positive(sum * b->point_scale[o] + b->point_bias[o]);
        }
    }
}

static void network(float *estimates) {
    int c, i, k, o, n = (PULSEWISE_SAMPLES + 1) / 2;
    for (o = 0; o < FIRST; o++) { /* the first convolution, each of its channels halved once more at once */
        for (i = 0; i < n; i++) row[i] = 0.0f;
        for (c = 0; c < PULSEWISE_CHANNELS; c++)
            add_halved(window + c * PULSEWISE_SAMPLES, PULSEWISE_SAMPLES,
                       first + (o * PULSEWISE_CHANNELS + c) * FIRST_TAPS, FIRST_TAPS, row);
        finish(row, n, first_scale[o], first_bias[o]);
        depthwise(&blocks[0], o, n);
    }
    for (k = 0; k < BLOCKS; k++) {
        if (k > 0) {
            for (c = 0; c < blocks[k].in; c++) {
                for (i = 0; i < n; i++) row[i] = activations[c * n + i];
                depthwise(&blocks[k], c, n);
            }
        }
        n = (n + 1) / 2;
        pointwise(&blocks[k], n);
    }
    for (o = 0; o < PULSEWISE_ESTIMATES; o++) {
        float sum = 0.0f;
        for (c = 0; c < WIDEST; c++) {
            float mean = 0.0f;
            for (i = 0; i < n; i++) mean += activations[c * n + i];
            sum += (float)head[o * WIDEST + c] * (mean / (float)n);
        }
        sum = (sum * head_scale[o] + head_bias[o]) * target_sd[o] + target_mean[o];
        estimates[o] = PULSEWISE_PROBABILITY ? 1.0f / (1.0f + expf(-sum)) : sum;
    }
}

/* The window's own normalisation; `level` is what was left out of x. Sums are double: a mean of thousands of floats
   keeps its digits. */
static int normalise(float *x, int n, float level) {
    double mean = 0.0, square = 0.0;
    float low = x[0], high = x[0], size;
    int i;
    for (i = 0; i < n; i++) {
        if (!isfinite(x[i])) return PULSEWISE_NOT_FINITE;
        if (x[i] < low) low = x[i];
        if (x[i] > high) high = x[i];
        mean += (double)x[i];
    }
    if (PULSEWISE_NORMALISE == 0) return PULSEWISE_OK;
    mean /= n;
    for (i = 0; i < n; i++) square += ((double)x[i] - mean) * ((double)x[i] - mean);
    size = PULSEWISE_NORMALISE == 2 ? high - low : (float)sqrt(square / n);
    if (PULSEWISE_NORMALISE == 2) mean = (double)low;
    low = fabsf(low + level);
    high = fabsf(high + level);
    if (!(size > 1e-6f * (low > high ? low : high))) return PULSEWISE_FLAT;
    for (i = 0; i < n; i++) x[i] = (float)((double)x[i] - mean) / size;
    return PULSEWISE_OK;
}

static float left_out[PULSEWISE_CHANNELS]; /* the level of each channel, where the normalisation takes it out */

static int answer(float *estimates) {
    int c, i;
    for (c = 0; c < PULSEWISE_CHANNELS; c++) {
        float *x = window + c * PULSEWISE_SAMPLES;
        int status = normalise(x, PULSEWISE_SAMPLES, left_out[c]);
        if (status != PULSEWISE_OK) return status;
        for (i = 0; i < PULSEWISE_SAMPLES; i++) x[i] = (x[i] - input_mean[c]) / input_sd[c];
    }
    network(estimates);
    return PULSEWISE_OK;
}

int pulsewise_window(const float *samples, float *estimates) {
    int i;
    for (i = 0; i < PULSEWISE_CHANNELS * PULSEWISE_SAMPLES; i++) window[i] = samples[i];
    for (i = 0; i < PULSEWISE_CHANNELS; i++) left_out[i] = 0.0f;
    return answer(estimates);
}

#if PULSEWISE_RAW_SAMPLES > 0

static float between[BETWEEN]; /* one channel after the first filter, at the rate of the model */

/* One channel from raw samples: what is constant goes round the filters, and round the normalisation where there is
   one, so that a large one costs no digits. The constant that was left out is the answer. */
static float condition(const float *raw, float *out) {
    double sum = 0.0;
    float level;
    int i, j;
    for (i = 0; i < PULSEWISE_RAW_SAMPLES; i++) sum += (double)raw[i];
    level = (float)(sum / PULSEWISE_RAW_SAMPLES);
    for (i = 0; i < BETWEEN; i++) {
        const float *x = raw + LEAD + i * STRIDE;
        float y = 0.0f;
        for (j = 0; j < FIRST_FILTER; j++) y += first_filter[j] * (x[j] - level);
        between[i] = y;
    }
    for (i = 0; i < PULSEWISE_SAMPLES; i++) {
        float y = 0.0f;
        for (j = 0; j < SECOND_FILTER; j++) y += second_filter[j] * between[i + j];
        out[i] = PULSEWISE_NORMALISE == 0 ? y + level * GAIN : y;
    }
    return PULSEWISE_NORMALISE == 0 ? 0.0f : level * GAIN;
}

int pulsewise_raw(const float *raw, float *estimates) {
    int c;
    for (c = 0; c < PULSEWISE_CHANNELS; c++)
        left_out[c] = condition(raw + c * PULSEWISE_RAW_SAMPLES, window + c * PULSEWISE_SAMPLES);
    return answer(estimates);
}

#endif

#if PULSEWISE_RAW_STEP > 0

static float kept[PULSEWISE_CHANNELS * PULSEWISE_RAW_SAMPLES];
static int filled = MARGIN; /* per channel: room is left for what came before the first sample */
static int skip = 0;        /* samples between windows that no window needs */
static int begun = 0;       /* whether that room has been filled */

void pulsewise_reset(void) {
    filled = MARGIN;
    skip = 0;
    begun = 0;
}

/* What came before the first sample: the straight line through the first ones, and what lies above it mirrored. */
static void begin(float *x) {
    double slope = 0.0, spread = 0.0;
    int i, n = MARGIN + 1;
    float *real = x + MARGIN;
    for (i = 0; i < n; i++) {
        double t = (double)i - (double)(n - 1) / 2.0;
        slope += t * ((double)real[i] - (double)real[0]);
        spread += t * t;
    }
    slope = spread > 0.0 ? slope / spread : 0.0;
    for (i = 1; i <= MARGIN; i++) x[MARGIN - i] = (float)((double)real[i] - 2.0 * i * slope);
}

int pulsewise_push(const float *sample, float *estimates) {
    int c, i, status;
    for (c = 0; c < PULSEWISE_CHANNELS; c++) {
        if (!isfinite(sample[c])) {
            pulsewise_reset();
            return PULSEWISE_NOT_FINITE;
        }
    }
    if (skip > 0) {
        skip--;
        return PULSEWISE_WAITING;
    }
    for (c = 0; c < PULSEWISE_CHANNELS; c++) kept[c * PULSEWISE_RAW_SAMPLES + filled] = sample[c];
    filled++;
    if (!begun && filled == 2 * MARGIN + 1) {
        for (c = 0; c < PULSEWISE_CHANNELS; c++) begin(kept + c * PULSEWISE_RAW_SAMPLES);
        begun = 1;
    }
    if (filled < PULSEWISE_RAW_SAMPLES) return PULSEWISE_WAITING;
    status = pulsewise_raw(kept, estimates);
    filled = PULSEWISE_RAW_SAMPLES > PULSEWISE_RAW_STEP ? PULSEWISE_RAW_SAMPLES - PULSEWISE_RAW_STEP : 0;
    skip = PULSEWISE_RAW_SAMPLES > PULSEWISE_RAW_STEP ? 0 : PULSEWISE_RAW_STEP - PULSEWISE_RAW_SAMPLES;
    for (c = 0; c < PULSEWISE_CHANNELS; c++) {
        float *x = kept + c * PULSEWISE_RAW_SAMPLES;
        for (i = 0; i < filled; i++) x[i] = x[i + PULSEWISE_RAW_STEP];
    }
    return status;
}

#endif
