/* SPDX-License-Identifier: Apache-2.0 */
/* Option rows: each module declares its settings in a table; parsing, bounds, default, help text and
 * docs/configuration.md are made from the rows. The binder collects all problems instead of stopping at the first. */
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
    SL_OPT_SHARE,    /* uint32_t, percent; "20%": the sign is required */
    SL_OPT_STR,      /* struct sl_str on the bind arena, with a NUL behind it; not set: p == NULL */
    SL_OPT_PATH,     /* struct sl_str; relative to the file that names it */
    SL_OPT_URL,      /* struct sl_str; absolute http(s); the row's `check` checks it */
    SL_OPT_ENUM,     /* int, index into `names` */
    SL_OPT_STR_LIST, /* struct sl_strs; a single string counts as a list with one */
    SL_OPT_SECRET,   /* struct sl_secret */
    SL_OPT_MAP,      /* an embedded struct with its own table `sub`; its fields are relative to the offset */
    SL_OPT_ROWS,     /* the same without a map of its own: the rows of `sub` belong to this map. `key` is "" */
    SL_OPT_CUSTOM,   /* `check` parses the value itself into the field */
};

#define SL_OPT_RELOAD   SL_BIT(0) /* a reload applies it; without this a restart is needed */
#define SL_OPT_REQUIRED SL_BIT(1)
#define SL_OPT_HIDDEN   SL_BIT(2) /* MLflow's private keys: they are read, but not in our docs */
#define SL_OPT_PLACE    SL_BIT(3) /* a text that decides where credentials go, as a URL does */
#define SL_OPT_OR_OFF   SL_BIT(4) /* a map of `sub`, or the word off; for /openapi.json, because `check` reads both */

struct sl_bind;

struct sl_opt {
    const char *key;
    enum sl_opt_type type;
    size_t offset;
    const char *def;   /* written as in a file; NULL: zero, none */
    uint64_t min, max; /* for numbers, durations, sizes and shares; max 0: no bound */
    unsigned flags;
    const char *const *names; /* SL_OPT_ENUM; ends with NULL */
    const struct sl_opt *sub; /* SL_OPT_MAP; ends with a row whose key is NULL */
    /* <0 after sl_bind_problem. SL_OPT_MAP: called for a value that is no map, which may be a word. */
    int (*check)(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
    const char *help; /* one sentence */
    /* For SL_OPT_CUSTOM: are two fields equal? Only for tables that are compared. */
    bool (*same)(const void *a, const void *b);
    size_t size;        /* for SL_OPT_CUSTOM in a table that is filled (sl_opt_fill) */
    const char *unless; /* for SL_OPT_REQUIRED: this key of the map may be there instead */
    /* For SL_OPT_CUSTOM: the forms that it may have in a file, for `sluice schema`: JSON Schemas with a comma between
     * them, where % stands for the one of `sub`. NULL: a map of `sub`, or anything. */
    const char *forms;
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
    uint32_t n_left_out;         /* problems beyond SL_PROBLEMS_MAX are only counted */
    const struct sl_str *hidden; /* texts that must not be in a message: they become *** */
    uint32_t n_hidden;
};

/* A file that is wrong everywhere gets two hundred problems, not a million. */
#define SL_PROBLEMS_MAX 200

/* Turns a secret's text into the secret: "$NAME", a key file or the literal. NULL in a bind: only literals; references
 * are refused. On failure `err` has the text for the problem. */
typedef int (*sl_secret_resolve_fn)(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err);

struct sl_bind {
    struct sl_arena *arena; /* texts that outlive the tree are copied to it */
    struct sl_problems *problems;
    sl_secret_resolve_fn resolve;
    void *resolve_arg;
    bool is_lax;    /* unknown keys are warnings (in MLflow's sections), not errors */
    char path[256]; /* of the value that is being bound, for problems; the binder sets it */
};

/* Sets the default of every row in `obj`, in maps too. */
void sl_opt_defaults(const struct sl_opt *table, void *obj, struct sl_bind *bind);
/* Binds `map` into `obj` (NULL or null: only the defaults). 0, or SL_E_INVAL when at least one error was added to the
 * problems. */
SL_MUST int sl_opt_bind(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj);
/* The same without the defaults: fields whose key is missing in the map stay unchanged in `obj`. */
SL_MUST int sl_opt_bind_over(struct sl_bind *bind, const struct sl_opt *table, const struct sl_val *map, void *obj);
/* Frees what the fields own outside the arena: secrets. */
void sl_opt_done(const struct sl_opt *table, void *obj);

/* Binds the value of an SL_OPT_SECRET row. */
SL_MUST int sl_opt_secret_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_secret *ret);
/* Warns when a secret of the operator's file looks like a mistake: it is in quotes, has blanks at an end, or is the
 * path of no file. `text` is the resolved value of `val`. */
void sl_opt_secret_look(struct sl_bind *bind, const struct sl_val *val, struct sl_str text);

/* `path` NULL: the binder's current path. */
void sl_bind_problem(struct sl_bind *bind, enum sl_severity severity, struct sl_pos pos, const char *path,
                     const char *fmt, ...) SL_PRINTF(5, 6);
void sl_problems_init(struct sl_problems *problems, struct sl_arena *arena);

/* The part of a key that may be shown. YAML reads "openai_api_key:sk-…" without the blank as one key, so everything
 * behind a ':', '=' or blank stays hidden. */
struct sl_str sl_opt_key_shown(struct sl_str key);

/* Calls fn(arg, path) for every row without SL_OPT_RELOAD whose fields in two bound objects differ. */
void sl_opt_each_restart(const struct sl_opt *table, const void *a, const void *b,
                         void (*fn)(void *arg, const char *path), void *arg);

/* For an object that sets only some rows, over one that sets them all. `sl_opt_said` returns one bit for each row that
 * is set; rows of maps are counted at their place, and null counts as not set. At most 64 rows. */
uint64_t sl_opt_said(const struct sl_opt *table, const struct sl_val *map);
/* Copies rows that are not set (texts and lists are borrowed) from `from` to `to`. */
void sl_opt_fill(const struct sl_opt *table, uint64_t said, const void *from, void *to);
bool sl_opt_are_same(const struct sl_opt *table, const void *a, const void *b);

/* True: the value counts as a text. In YAML, where texts need no quotes, 5 and true count as they are written. In a
 * body only a string is a text. Stored values were accepted once, and are accepted again. */
bool sl_bind_is_text(const struct sl_bind *bind, const struct sl_val *val);

/* The first required key; NULL: none. */
const char *sl_opt_required(const struct sl_opt *table);
/* The row of a key, or NULL. */
const struct sl_opt *sl_opt_find(const struct sl_opt *table, struct sl_str key);
/* The key of a table that is nearest to a misspelt one, or NULL when none is near. */
const char *sl_opt_nearest(const struct sl_opt *table, struct sl_str key);

#endif
