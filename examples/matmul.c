/* SPDX-License-Identifier: Apache-2.0
 *
 * A program worth measuring: multiplies square matrices on every core until the time is up and says
 * how far it came. usage: matmul [SECONDS [SIZE]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct worker {
    pthread_t thread;
    size_t size;
    double deadline_s;
    size_t products;
    double check; /* keeps the compiler from leaving the work out */
};

static double now_s(void)
{
    struct timespec ts = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void multiply(const double *a, const double *b, double *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            c[i * n + j] = 0;
        }
        for (size_t k = 0; k < n; k++) {
            double factor = a[i * n + k];
            for (size_t j = 0; j < n; j++) {
                c[i * n + j] += factor * b[k * n + j];
            }
        }
    }
}

static void *work(void *argument)
{
    struct worker *w = argument;
    size_t n = w->size;
    double *memory = malloc(3 * n * n * sizeof(double));
    if (!memory) {
        return NULL;
    }
    double *a = memory;
    double *b = memory + n * n;
    double *c = memory + 2 * n * n;
    for (size_t i = 0; i < n * n; i++) {
        a[i] = (double)(i % 7) - 3;
        b[i] = (double)(i % 5) - 2;
    }
    while (now_s() < w->deadline_s) {
        multiply(a, b, c, n);
        w->check += c[n * n / 2];
        w->products++;
    }
    free(memory);
    return NULL;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    size_t size = argc > 2 ? (size_t)atol(argv[2]) : 256;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!(seconds > 0) || size == 0 || size > 20000 || cores < 1) {
        (void)fprintf(stderr, "usage: matmul [SECONDS [SIZE]]\n");
        return 2;
    }
    struct worker *workers = calloc((size_t)cores, sizeof(*workers));
    if (!workers) {
        return 1;
    }
    double deadline_s = now_s() + seconds;
    size_t products = 0;
    long started = 0;
    for (; started < cores; started++) {
        workers[started] = (struct worker){.size = size, .deadline_s = deadline_s};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) {
            break;
        }
    }
    for (long i = 0; i < started; i++) {
        (void)pthread_join(workers[i].thread, NULL);
        products += workers[i].products;
    }
    free(workers);
    (void)printf("matmul: %zu products of %zux%zu matrices on %ld cores\n", products, size, size,
                 started);
    return products == 0;
}
