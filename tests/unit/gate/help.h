/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration from a text, and its problems. */
#ifndef SL_TEST_GATE_HELP_H
#define SL_TEST_GATE_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/opt.h"
#include "conf/files.h"
#include "gate/config/config.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"

struct loaded {
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_config *config; /* NULL: refused */
};

static inline struct loaded load(const char *text)
{
    struct loaded l = { .config = NULL };
    sl_arena_init(&l.arena, NULL);
    sl_problems_init(&l.problems, &l.arena);
    if (sl_config_load_text("f", sl_str_c(text), &l.arena, &l.problems, &l.config) < 0) {
        l.config = NULL;
    }
    l.problems.arena = NULL; /* it moves with the returned copy */
    return l;
}

/* The same for a file: it may have references to secrets, and use its machine's identity. */
static inline struct loaded load_file(const char *path)
{
    struct loaded l = { .config = NULL };
    struct sl_conf_files files = { .arena = &l.arena };
    const struct sl_config_overrides over = { .workers = -1 };
    sl_arena_init(&l.arena, NULL);
    sl_problems_init(&l.problems, &l.arena);
    if (sl_config_load(path, &over, &l.arena, &l.problems, &files, &l.config) < 0) {
        l.config = NULL;
    }
    l.problems.arena = NULL;
    return l;
}

static inline void unload(struct loaded *l)
{
    sl_config_free(l->config);
    sl_arena_done(&l->arena);
}

/* "3:4: error: path: text" of one problem. */
static inline void said(const struct loaded *l, uint32_t i, char out[SL_PROBLEM_LINE_MAX])
{
    sl_problem_format(&l->problems.v[i], true, out, SL_PROBLEM_LINE_MAX);
}

/* True: a problem's line has `want`. */
static inline bool says(const struct loaded *l, const char *want)
{
    for (uint32_t i = 0; i < l->problems.n; i++) {
        char line[SL_PROBLEM_LINE_MAX];
        said(l, i, line);
        if (strstr(line, want)) {
            return true;
        }
    }
    return false;
}

static inline void show(const struct loaded *l)
{
    for (uint32_t i = 0; i < l->problems.n; i++) {
        char line[SL_PROBLEM_LINE_MAX];
        said(l, i, line);
        print_message("  %s\n", line);
    }
}

#define MOCK "{ provider: mock, name: m, config: {} }"
#define HEAD "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model: " MOCK "\n"

#endif
