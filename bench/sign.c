/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the cost of one of Amazon's signatures (SigV4, with the day's key kept), in nanoseconds: one line of
 * JSON. */
#include "llm/sign/aws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"

#define CALLS 20000

/* CPU time: others may use the machine, too. */
static double cpu_nsec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double run(size_t body_len)
{
    static char body[32768];
    double best = 0;
    memset(body, 'a', sizeof(body));
    struct sl_str slice = sl_str_make(body, body_len);
    const struct sl_aws_sign sign = { .keys = { SL_STR("AKIDEXAMPLE"),
                                                SL_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), SL_STR("") },
                                      .region = SL_STR("us-east-1"),
                                      .service = SL_STR("bedrock"),
                                      .host = SL_STR("bedrock-runtime.us-east-1.amazonaws.com"),
                                      .wall_usec = sl_clock_wall_usec() };
    for (int round = 0; round < 5; round++) {
        double start = cpu_nsec();
        for (unsigned i = 0; i < CALLS / 5; i++) {
            struct sl_arena arena;
            struct sl_http_req req = { .method = "POST",
                                       .target = SL_STR("/model/anthropic.claude-v2/converse"),
                                       .slices = &slice,
                                       .n_slices = 1,
                                       .body_len = body_len };
            sl_arena_init(&arena, NULL);
            if (sl_headers_add(&req.headers, &arena, SL_STR("content-type"), SL_STR("application/json")) < 0 ||
                sl_aws_sign(&sign, &arena, &req) < 0) {
                abort();
            }
            sl_arena_done(&arena);
        }
        double nsec = (cpu_nsec() - start) / (CALLS / 5);
        best = round == 0 || nsec < best ? nsec : best;
    }
    return best;
}

int main(void)
{
    double small = run(1024), large = run(30720);
    printf("{\"small_ns\":%.1f,\"large_ns\":%.1f}\n", small, large);
    return 0;
}
