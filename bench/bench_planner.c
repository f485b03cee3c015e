/* SPDX-License-Identifier: Apache-2.0
 *
 * The planner against the recorded reference implementation: whole frontiers of every reference
 * problem on one core, one deadline, a new deadline answered from a stored frontier, and time and
 * memory against the size of the pipeline. CPU time; medians of several runs.
 *
 *     bench_planner [reference|deadline|lookup|scaling [LARGEST_STAGES]]
 */
#include <math.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zeus/dag.h>

#include "base/macro.h"
#include "dag_reference.h"

#define RUNS 5

static const char *const names[] = {"tiny_chain3", "tiny_par2x2", "par4x3",           "rand20_0",
                                    "rand20_1",    "rand20_2",    "rand60_0",         "rand60_1",
                                    "pipe_2x4",    "pipe_4x8",    "pipe_4x8_unit5ms", "pipe_8x16",
                                    "rand500",     "big2000",     "pipe_16x128"};

static double cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_value);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void die(const zeus_error *err)
{
    (void)fprintf(stderr, "bench_planner: %s\n", err->message);
    exit(1);
}

/* Median time of whole frontiers (down to `stop_units`, 0: all). */
static double time_frontier(zeus_dag *dag, int64_t stop_units, uint32_t *ret_points)
{
    double taken[64];
    size_t runs = 0;
    double total = 0;
    while (runs < RUNS || (total < 0.2 && runs < ARRAY_LEN(taken))) {
        zeus_dag_frontier *f = NULL;
        zeus_error err = ZEUS_ERROR_INIT;
        zeus_dag_solve_options o = {.size = sizeof(o), .stop_units = stop_units};
        double start = cpu_s();
        if (zeus_dag_solve(dag, &o, &f, &err) < 0) {
            die(&err);
        }
        taken[runs] = cpu_s() - start;
        total += taken[runs++];
        *ret_points = zeus_dag_frontier_count(f) - 1;
        zeus_dag_frontier_destroy(f);
        if (total > 30) {
            break;
        }
    }
    return median(taken, runs);
}

static void bench_reference(void)
{
    double ratios[ARRAY_LEN(names)];
    double least = INFINITY;
    double pipeline_s = 0;
    double random_s = 0;
    size_t count = 0;
    (void)printf("Whole frontiers, one core. Where the recorded run stopped at a time limit, the "
                 "ratio compares\nthe same points only.\n\n%-18s %8s %12s %10s %12s %12s %9s\n",
                 "problem", "points", "ours", "recorded", "recorded s", "same points", "ratio");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct reference ref;
        zeus_dag *dag = reference_problem(names[i]);
        uint32_t points = 0;
        uint32_t part = 0;
        if (!dag || reference_load(names[i], &ref) < 0) {
            (void)printf("%s: no reference data, skipped\n", names[i]);
            continue;
        }
        double whole_s = time_frontier(dag, 0, &points);
        double part_s = whole_s;
        if (!ref.is_complete) {
            part_s = time_frontier(dag, (int64_t)ref.row[ref.rows - 1][3], &part);
        }
        ratios[count] = ref.wall_s / part_s;
        least = MIN_OF(least, ratios[count]);
        (void)printf("%-18s %8u %10.6f s %10zu %12.3f %10.6f s %9.0f\n", names[i], points, whole_s,
                     ref.rows, ref.wall_s, part_s, ratios[count]);
        pipeline_s = strcmp(names[i], "pipe_16x128") == 0 ? whole_s : pipeline_s;
        random_s = strcmp(names[i], "big2000") == 0 ? whole_s : random_s;
        count++;
        reference_done(&ref);
        zeus_dag_destroy(dag);
    }
    if (count > 0) {
        double middle = median(ratios, count);
        (void)printf("\nmedian ratio %.0f, least %.0f; 16x128 in %.3f s, random 2000 in %.3f s\n",
                     middle, least, pipeline_s, random_s);
        (void)printf("BENCH {\"bench\":\"planner_reference\",\"median_ratio\":%.1f,\"least_ratio\":"
                     "%.1f,\"pipe_16x128_s\":%.4f,\"big2000_s\":%.4f}\n",
                     middle, least, pipeline_s, random_s);
    }
}

static void bench_deadline(void)
{
    zeus_dag *dag = reference_problem("pipe_16x128");
    zeus_dag_info info;
    zeus_error err = ZEUS_ERROR_INIT;
    double slowest_s = 0;
    if (!dag || zeus_dag_check(dag, &info, &err) < 0) {
        (void)printf("no reference data, skipped\n");
        return;
    }
    (void)printf("\nOne deadline of the 16x128 pipeline\n\n%10s %12s %16s\n", "units", "time",
                 "cost (J)");
    for (int i = 0; i <= 10; i++) {
        double taken[RUNS];
        double cost = 0;
        int64_t units =
            info.fastest_units + (info.slowest_units - info.fastest_units) * (10 - i) / 10;
        for (size_t r = 0; r < RUNS; r++) {
            zeus_dag_plan *plan = NULL;
            zeus_dag_plan_info at;
            double start = cpu_s();
            if (zeus_dag_solve_deadline(dag, units, NULL, &plan, &err) < 0) {
                die(&err);
            }
            taken[r] = cpu_s() - start;
            cost = zeus_dag_plan_get_info(plan, &at) == 0 ? at.cost_j : NAN;
            zeus_dag_plan_destroy(plan);
        }
        double middle = median(taken, RUNS);
        slowest_s = MAX_OF(slowest_s, middle);
        (void)printf("%10lld %10.4f s %16.4f\n", (long long)units, middle, cost);
    }
    (void)printf("BENCH {\"bench\":\"planner_deadline\",\"slowest_s\":%.4f}\n", slowest_s);
    zeus_dag_destroy(dag);
}

enum { LOOKUPS = 2000, REPEATS = 5 };

/* What a server does when a straggler appears: a new deadline, the plan, a stage's schedule. */
static double time_lookup(const zeus_dag_frontier *f, uint32_t index)
{
    uint32_t operations[512];
    size_t count = 0;
    zeus_dag_plan *plan = NULL;
    zeus_dag_point point;
    zeus_error err = ZEUS_ERROR_INIT;
    if (zeus_dag_frontier_point(f, index, &point) < 0) {
        die(&err);
    }
    double start = cpu_s();
    int64_t at = zeus_dag_frontier_find_s(f, point.time_s);
    int r = zeus_dag_frontier_plan(f, at, &plan, &err);
    r = r < 0 ? r : zeus_dag_plan_get_stage(plan, 7, operations, 512, &count);
    double taken = cpu_s() - start;
    if (r < 0 || at != point.iteration || count == 0) {
        die(&err);
    }
    zeus_dag_plan_destroy(plan);
    return taken;
}

/* The first look-up of a point finds its differences in no cache; the best of several shows what
 * is the point's own share of the tail and what the machine's. */
static void bench_lookup(void)
{
    zeus_dag *dag = reference_problem("pipe_16x128");
    zeus_dag_frontier *f = NULL;
    zeus_error err = ZEUS_ERROR_INIT;
    double *first = malloc(LOOKUPS * sizeof(*first));
    double *best = malloc(LOOKUPS * sizeof(*best));
    if (!dag || !first || !best || zeus_dag_solve(dag, NULL, &f, &err) < 0) {
        (void)printf("no reference data, skipped\n");
        free(first);
        free(best);
        return;
    }
    uint64_t state = 1;
    uint32_t points = zeus_dag_frontier_count(f);
    for (size_t i = 0; i < LOOKUPS; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t index = (uint32_t)(state >> 33) % points;
        first[i] = best[i] = time_lookup(f, index);
        for (int r = 1; r < REPEATS; r++) {
            double again = time_lookup(f, index);
            best[i] = MIN_OF(best[i], again);
        }
    }
    double middle = median(first, LOOKUPS);
    (void)median(best, LOOKUPS); /* sorts */
    (void)printf(
        "\nA new deadline answered from the stored 16x128 frontier, %d points: median %.1f "
        "us, 99th percentile %.1f us, slowest %.1f us\n(best of %d each: slowest %.1f us)\n",
        LOOKUPS, 1e6 * middle, 1e6 * first[LOOKUPS * 99 / 100], 1e6 * first[LOOKUPS - 1], REPEATS,
        1e6 * best[LOOKUPS - 1]);
    (void)printf("BENCH {\"bench\":\"planner_lookup\",\"median_us\":%.2f,\"p99_us\":%.2f,"
                 "\"slowest_us\":%.2f,\"slowest_of_best_us\":%.2f}\n",
                 1e6 * middle, 1e6 * first[LOOKUPS * 99 / 100], 1e6 * first[LOOKUPS - 1],
                 1e6 * best[LOOKUPS - 1]);
    free(first);
    free(best);
    zeus_dag_frontier_destroy(f);
    zeus_dag_destroy(dag);
}

/* A pipeline whose stages differ by a few percent, with 25 frequencies each. */
static zeus_dag *make_pipeline(uint32_t stages, uint32_t micro_batches)
{
    zeus_error err = ZEUS_ERROR_INIT;
    zeus_dag *dag = NULL;
    int32_t *specs = calloc(2 * stages, sizeof(*specs));
    if (!specs || zeus_dag_create(0.001, &dag, &err) < 0) {
        die(&err);
    }
    for (uint32_t s = 0; s < 2 * stages; s++) {
        zeus_dag_option options[25];
        double work_s = (s < stages ? 0.065 : 0.13) * (1 + 0.03 * sin(2.1 * (s % stages) + 0.5));
        for (int k = 0; k < 25; k++) {
            double f_mhz = 1410 - 30.0 * k;
            double time_s = work_s * (0.25 + 0.75 * 1410 / f_mhz);
            double power_w = 90 + 290 * pow(f_mhz / 1410, 2.6);
            options[k] = (zeus_dag_option){time_s, power_w * time_s, (int64_t)f_mhz, NULL};
        }
        zeus_dag_spec spec = {
            .size = sizeof(spec), .options = options, .option_count = 25, .idle_power_w = 70};
        if (zeus_dag_add_spec(dag, &spec, &specs[s], &err) < 0) {
            die(&err);
        }
    }
    zeus_dag_pipeline pipe = {.size = sizeof(pipe),
                              .stages = stages,
                              .micro_batches = micro_batches,
                              .forward = specs,
                              .backward = specs + stages};
    if (zeus_dag_add_pipeline(dag, &pipe, &err) < 0) {
        die(&err);
    }
    free(specs);
    return dag;
}

struct size_result {
    double frontier_s;
    double deadline_s;
    double points;
    double memory_mib; /* most resident, less what the empty process had */
};

/* In a process of its own, so that the memory is this problem's. */
static int measure_size(uint32_t stages, uint32_t micro_batches, struct size_result *ret_result)
{
    int pipes[2];
    if (pipe(pipes) < 0) {
        return -1;
    }
    pid_t child = fork();
    if (child == 0) {
        struct rusage before;
        struct rusage after;
        struct size_result r = {0};
        zeus_error err = ZEUS_ERROR_INIT;
        zeus_dag_info info;
        zeus_dag_frontier *f = NULL;
        zeus_dag_plan *plan = NULL;
        (void)getrusage(RUSAGE_SELF, &before);
        zeus_dag *dag = make_pipeline(stages, micro_batches);
        if (zeus_dag_check(dag, &info, &err) < 0) {
            die(&err);
        }
        double start = cpu_s();
        if (zeus_dag_solve_deadline(dag, (info.slowest_units + info.fastest_units) / 2, NULL, &plan,
                                    &err) < 0) {
            die(&err);
        }
        r.deadline_s = cpu_s() - start;
        start = cpu_s();
        if (zeus_dag_solve(dag, NULL, &f, &err) < 0) {
            die(&err);
        }
        r.frontier_s = cpu_s() - start;
        r.points = zeus_dag_frontier_count(f);
        (void)getrusage(RUSAGE_SELF, &after);
        r.memory_mib = (double)(after.ru_maxrss - before.ru_maxrss) / 1024;
        _exit(write(pipes[1], &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 1);
    }
    (void)close(pipes[1]);
    ssize_t n = read(pipes[0], ret_result, sizeof(*ret_result));
    (void)close(pipes[0]);
    int status = 0;
    (void)waitpid(child, &status, 0);
    return n == (ssize_t)sizeof(*ret_result) && status == 0 ? 0 : -1;
}

/* Slope of log y over log x. */
static double exponent(const double *x, const double *y, size_t count)
{
    double n = (double)count;
    double mx = 0;
    double my = 0;
    double xx = 0;
    double xy = 0;
    for (size_t i = 0; i < count; i++) {
        mx += log(x[i]) / n;
        my += log(y[i]) / n;
    }
    for (size_t i = 0; i < count; i++) {
        xx += (log(x[i]) - mx) * (log(x[i]) - mx);
        xy += (log(x[i]) - mx) * (log(y[i]) - my);
    }
    return xy / xx;
}

static void bench_scaling(uint32_t largest)
{
    static const uint32_t sizes[][2] = {{4, 8},    {4, 32},   {8, 16},  {8, 64},
                                        {16, 128}, {32, 256}, {64, 512}};
    double operations[ARRAY_LEN(sizes)];
    double frontier_s[ARRAY_LEN(sizes)];
    double deadline_s[ARRAY_LEN(sizes)];
    double memory[ARRAY_LEN(sizes)];
    size_t count = 0;
    (void)printf("\nTime and memory against size (1F1B, frontier stored with all plans)\n\n%-8s "
                 "%10s %9s %14s %14s %14s\n",
                 "pipeline", "operations", "points", "frontier", "one deadline", "memory");
    for (size_t i = 0; i < ARRAY_LEN(sizes) && sizes[i][0] <= largest; i++) {
        struct size_result r;
        if (measure_size(sizes[i][0], sizes[i][1], &r) < 0) {
            (void)printf("%ux%u failed\n", sizes[i][0], sizes[i][1]);
            continue;
        }
        operations[count] = 2.0 * sizes[i][0] * sizes[i][1];
        frontier_s[count] = r.frontier_s;
        deadline_s[count] = r.deadline_s;
        memory[count] = MAX_OF(r.memory_mib, 0.1);
        (void)printf("%3ux%-4u %10.0f %9.0f %12.4f s %12.5f s %10.1f MiB\n", sizes[i][0],
                     sizes[i][1], operations[count], r.points, r.frontier_s, r.deadline_s,
                     r.memory_mib);
        (void)fflush(stdout);
        count++;
    }
    if (count > 2) {
        double ef = exponent(operations, frontier_s, count);
        double ed = exponent(operations, deadline_s, count);
        double em = exponent(operations, memory, count);
        (void)printf("\nexponents over the number of operations: frontier %.2f, one deadline %.2f, "
                     "memory %.2f\n",
                     ef, ed, em);
        (void)printf("BENCH {\"bench\":\"planner_scaling\",\"frontier_exponent\":%.3f,"
                     "\"deadline_exponent\":%.3f,\"memory_exponent\":%.3f}\n",
                     ef, ed, em);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (!*what || strcmp(what, "reference") == 0) {
        bench_reference();
    }
    if (!*what || strcmp(what, "deadline") == 0) {
        bench_deadline();
    }
    if (!*what || strcmp(what, "lookup") == 0) {
        bench_lookup();
    }
    if (!*what || strcmp(what, "scaling") == 0) {
        bench_scaling(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 16);
    }
    return 0;
}
