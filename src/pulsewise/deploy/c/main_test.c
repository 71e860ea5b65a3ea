/* Answers the golden windows and says how far off it is: exit status 0 where every answer is within its bound.
   Compile it with the other files (cc -std=c99 main_test.c pulsewise.c golden.c -lm) and run it where the model will run.
   With a number as argument it takes each window that many times and says how long one took. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "golden.h"
#include "pulsewise.h"

static int wrong = 0;

static void compare(const char *what, int number, int status, const float *found, const float *wanted) {
    int k;
    printf("%s %d %d", what, number, status);
    for (k = 0; k < PULSEWISE_ESTIMATES; k++) {
        printf(" %.9g", (double)found[k]);
        if (status != PULSEWISE_OK || !(fabsf(found[k] - wanted[k]) <= golden_bound[k])) wrong++;
    }
    printf("\n");
}

int main(int count, char **arguments) {
    float found[PULSEWISE_ESTIMATES] = {0.0f};
    int i, j, times = count > 1 ? atoi(arguments[1]) : 0;
    for (i = 0; i < GOLDEN_WINDOWS; i++) {
        int status = pulsewise_window(golden_windows[i], found);
        compare("window", i, status, found, golden_estimates[i]);
    }
#if PULSEWISE_RAW_SAMPLES > 0
    for (i = 0; i < GOLDEN_RAW; i++) {
        int status = pulsewise_raw(golden_raw[i], found);
        compare("raw", i, status, found, golden_raw_estimates[i]);
    }
#endif
    if (times > 0) {
        clock_t start = clock();
        for (j = 0; j < times; j++)
            for (i = 0; i < GOLDEN_WINDOWS; i++) (void)pulsewise_window(golden_windows[i], found);
        printf("ms %.6f\n", 1000.0 * (double)(clock() - start) / CLOCKS_PER_SEC / times / GOLDEN_WINDOWS);
    }
    printf("%d of %d answers beyond their bound\n", wrong, (GOLDEN_WINDOWS + GOLDEN_RAW) * PULSEWISE_ESTIMATES);
    return wrong > 0;
}
