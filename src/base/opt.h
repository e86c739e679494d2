/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows: each module declares what it can be told in a table; parsing, bounds, default, help text and
 * docs/configuration.md come from the row. The binder collects every problem instead of stopping at the first. */
#ifndef SL_BASE_OPT_H
#define SL_BASE_OPT_H

#include "base/val.h"

struct sl_arena;
struct sl_err;
struct sl_secret;

enum sl_opt_type {
    SL_OPT_BOOL,     /* bool */
    SL_OPT_U32,      /* uint32_t */
    SL_OPT_U64,      /* uint64_t */
    SL_OPT_DOUBLE,   /* double */
    SL_OPT_USEC,     /* uint64_t; "30s": the unit is required */
    SL_OPT_BYTES,    /* uint64_t; "32MiB": the unit is required */
    SL_OPT_STR,      /* struct sl_str on the bind arena, NUL behind; none: p == NULL */
    SL_OPT_PATH,     /* struct sl_str; relative to the file that names it */
    SL_OPT_URL,      /* struct sl_str; absolute http(s), checked by the row's `check` */
    SL_OPT_ENUM,     /* int, index into `names` */
    SL_OPT_STR_LIST, /* struct sl_strs; a single string is a list of one */
    SL_OPT_SECRET,   /* struct sl_secret */
    SL_OPT_MAP,      /* an embedded struct with its own table `sub`; its offset is added */
    SL_OPT_ROWS,     /* the same without a map of its own: the rows of `sub` belong to this map. `key` is "" */
    SL_OPT_CUSTOM,   /* `check` parses the value itself into the field */
};

#define SL_OPT_RELOAD   SL_BIT(0) /* a reload applies it; without: needs a restart */
#define SL_OPT_REQUIRED SL_BIT(1)
#define SL_OPT_HIDDEN   SL_BIT(2) /* MLflow's private keys: read, not in our docs */
#define SL_OPT_PLACE    SL_BIT(3) /* a text that says where credentials go, as a URL does */

struct sl_bind;

struct sl_opt {
    const char *key;
    enum sl_opt_type type;
    size_t offset;
    const char *def;   /* spelt as in a file; NULL: zero, none */
    uint64_t min, max; /* for numbers, durations and sizes; max 0: no bound */
    unsigned flags;
    const char *const *names; /* SL_OPT_ENUM; ends with NULL */
    const struct sl_opt *sub; /* SL_OPT_MAP; ends with a row whose key is NULL */
    int (*check)(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val,
                 void *field); /* <0 after sl_bind_problem. SL_OPT_MAP: of what is no map, for one word that may be */
    const char *help;          /* one sentence */
    bool (*same)(const void *a, const void *b); /* SL_OPT_CUSTOM: are two fields equal? Where something asks */
    size_t size;                                /* SL_OPT_CUSTOM of a table that is filled (sl_opt_fill) */
    const char *unless;                         /* SL_OPT_REQUIRED: this key of the map may stand in its place */
};

enum sl_severity { SL_PROBLEM_ERROR, SL_PROBLEM_WARNING };

struct sl_problem {
    enum sl_severity severity;
    struct sl_pos pos;
    struct sl_str path; /* "server.limits.head" */
    struct sl_str text; /* what is wrong and what would be right; never a secret */
};

struct sl_problems {
    struct sl_arena *arena;
    struct sl_problem *v;
    uint32_t n, cap;
    uint32_t n_errors;
    uint32_t n_left_out;         /* beyond SL_PROBLEMS_MAX: counted, not kept */
    const struct sl_str *hidden; /* texts that must not show in a message: they become *** */
    uint32_t n_hidden;
};

/* A file that is wrong from end to end says so two hundred times, not a million. */
#define SL_PROBLEMS_MAX 200

/* How a secret's text is turned into the secret: "$NAME", a key file or the literal. NULL in a bind: literals only, and
 * references are refused. On failure `err` has the text for the problem. */
typedef int (*sl_secret_resolve_fn)(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err);

struct sl_bind {
    struct sl_arena *arena; /* texts that outlive the tree are copied here */
    struct sl_problems *problems;
    sl_secret_resolve_fn resolve;
    void *resolve_arg;
    bool is_lax;    /* unknown keys are warnings (MLflow's sections), not errors */
    char path[256]; /* of the value being bound, for problems; kept by the binder */
};

/* Sets every row's default in `obj` (recursively). */
void sl_opt_defaults(const struct sl_opt *table, void *obj, struct sl_bind *bind);
/* Binds `map` (NULL or null: only the defaults stay) into `obj`. 0, or SL_E_INVAL when at least one error was added to
 * the problems. */
SL_MUST int sl_opt_bind(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj);
/* The same without the defaults: what the map does not say stays as it is in `obj`. */
SL_MUST int sl_opt_bind_over(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj);
/* Frees what rows own outside the arena: secrets. */
void sl_opt_done(const struct sl_opt *table, void *obj);

/* Binds what a row of SL_OPT_SECRET holds. */
SL_MUST int sl_opt_secret_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_secret *ret);
/* Warns where a secret of the operator's file is hardly what was meant: in quotes, with blanks at an end, a path of no
 * file. `text` is what `val` led to. */
void sl_opt_secret_look(struct sl_bind *bind, const struct sl_val *val, struct sl_str text);

/* `path` NULL: the binder's current path. */
void sl_bind_problem(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos, const char *path,
                     const char *fmt, ...) SL_PRINTF(5, 6);
void sl_problems_init(struct sl_problems *problems, struct sl_arena *arena);

/* What of a key may be shown. "openai_api_key:sk-…" without the blank is one key to YAML: all behind a ':', '=' or
 * blank stays hidden. */
struct sl_str sl_opt_key_shown(struct sl_str key);

/* Calls fn(arg, path) for every row without SL_OPT_RELOAD in which two bound objects differ. */
void sl_opt_each_restart(const struct sl_opt *table, const void *a, const void *b,
                         void (*fn)(void *arg, const char *path), void *arg);

/* An object that says only some of its rows, over another that says them all. `sl_opt_said`: one bit a row, those of
 * maps counted in their place; a null says nothing. At most 64 rows. */
uint64_t sl_opt_said(const struct sl_opt *table, const struct sl_val *map);
/* Rows that are not said are copied (texts and lists borrowed) from `from` to `to`. */
void sl_opt_fill(const struct sl_opt *table, uint64_t said, const void *from, void *to);
bool sl_opt_are_same(const struct sl_opt *table, const void *a, const void *b);

/* May the value be taken as a text? In YAML, where texts need no quotes, 5 and true may be: they count as they are
 * written. In a body only a string is a text. What is stored was taken once and is taken again. */
bool sl_bind_is_text(const struct sl_bind *bind, const struct sl_val *val);

/* The first key that must be said; NULL: none. */
const char *sl_opt_required(const struct sl_opt *table);
/* The row of a key, or NULL. */
const struct sl_opt *sl_opt_find(const struct sl_opt *table, struct sl_str key);
/* The nearest key of a table to a misspelt one, or NULL when none is near. */
const char *sl_opt_nearest(const struct sl_opt *table, struct sl_str key);

#endif
