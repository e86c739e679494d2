/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the JSON reader with simdjson's DOM parser, on the same request: rounds in turns, the median of the ratios.
 * Both check UTF-8, and both use their parser object again. The last line is JSON for bench/rows.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "request.h"
#include "json/json.h"

#define ROUNDS 101
#define PARSES 400

static double now_nsec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_value);
    return v[n / 2];
}

static int ours_parse(struct sl_json *doc, struct sl_str text, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (sl_json_parse(doc, text) < 0) {
            return 0;
        }
    }
    return 1;
}

int main(void)
{
    static char room[16384];
    static double ours[ROUNDS], theirs[ROUNDS], ratios[ROUNDS];
    size_t len = bench_json_request(room, sizeof(room) - bench_simd_padding());
    struct bench_simd *simd = bench_simd_new();
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_str text = sl_str_make(room, len);
    if (!len || !simd || !ours_parse(&doc, text, PARSES) || !bench_simd_parse(simd, room, len, PARSES)) {
        fprintf(stderr, "the request could not be parsed: %s at %zu\n", sl_json_fault_text(doc.fault),
                doc.fault_offset);
        return 1;
    }
    for (int i = 0; i < ROUNDS; i++) {
        int ok = 1;
        for (int turn = 0; turn < 2; turn++) {
            bool is_ours = (i + turn) % 2 == 0;
            double before = now_nsec();
            ok &= is_ours ? ours_parse(&doc, text, PARSES) : bench_simd_parse(simd, room, len, PARSES);
            *(is_ours ? &ours[i] : &theirs[i]) = (now_nsec() - before) / PARSES;
        }
        if (!ok) {
            return 1;
        }
        ratios[i] = ours[i] / theirs[i];
    }
    printf("{\"ratio\": %.3f, \"ours_ns\": %.0f, \"simdjson_ns\": %.0f, \"bytes\": %zu, \"tokens\": %u, \"yardstick\": "
           "\"%s\"}\n",
           median(ratios, ROUNDS), median(ours, ROUNDS), median(theirs, ROUNDS), len, doc.n_toks, bench_simd_name());
    sl_json_done(&doc);
    bench_simd_free(simd);
    return 0;
}
