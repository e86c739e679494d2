/* SPDX-License-Identifier: Apache-2.0 */
/* The path table: which handler serves a method and path, and which dialect the errors have. The caller passes the rows
 * in. */
#ifndef SL_GATE_PATH_H
#define SL_GATE_PATH_H

#include "gate/call/access.h"
#include "llm/core/types.h"

struct sl_arena;
struct sl_dialect;
struct sl_headers;
struct sl_xchg;

enum sl_method {
    SL_GET = 1,
    SL_POST = 2,
    SL_PUT = 4,
    SL_DELETE = 8,
    SL_HEAD = 16,
    SL_OPTIONS = 32,
    SL_PATCH = 64,
    SL_TRACE = 128,
    SL_CONNECT = 256,
    SL_OTHER = 512 /* HTTP has no such method */
};

/* The most bytes for a call of a path for management; more are a 413. */
#define SL_MANAGE_BODY_MAX (1u << 20)
/* The same for calls that need no key, and no body either: callers without a key must not fill server.limits.memory. */
#define SL_OPEN_BODY_MAX 4096

/* What /docs and /openapi.json say about a row. Lists are names with a space between them; each names a part of
 * /openapi.json. */
struct sl_path_told {
    const char *text;       /* what the call does */
    const char *statuses;   /* beside those that every call of its kind has; NULL: "200" */
    const char *parameters; /* beside the segments of the path */
    const char *headers;    /* of a success, beside those that every success has */
    const char *body;       /* the schema; NULL: no body */
    const char *form;       /* the same for a body that is a form; NULL: it must not be one */
    const char *reply;      /* the schema of a success; NULL: none, except for `media` */
    const char *media;      /* its type; NULL: JSON */
};

struct sl_path {
    unsigned methods; /* without SL_HEAD on MLflow's paths that do not take it */
    /* "{}" is one segment, at most twice; a '/' at the end counts; two stars after "{}/" take everything that
     * follows; "{**}" at the end is one segment or more, and with takes_slash they are the name. */
    const char *pattern;
    /* NULL: a call of a model. Called when the body is there (it is empty for GET). */
    void (*handle)(struct sl_xchg *x);
    bool is_passage;  /* call of a model: it goes to the path after the route's name, at the provider */
    const char *tail; /* for a type that passes untranslated: its path after the provider's base */
    bool takes_form;  /* the body may also be a form with files (multipart/form-data) */
    bool has_type;    /* call of a model: the path says the type */
    bool takes_slash; /* the segment for "{}" may have an encoded slash */
    bool follows; /* about a response that was made before and that the path names, or another call of the Responses API
                   */
    bool counts;  /* it only asks how many tokens a call has */
    bool takes_key; /* its body has a key, although everyone may call: it is wiped */
    enum sl_llm_type type;
    const struct sl_dialect *dialect; /* NULL: that of its prefix */
    enum sl_access access;
    bool is_watch;                   /* for monitors: served even when the gateway has no room for other calls */
    const struct sl_path_told *told; /* every row has it */
};

/* For a row's .told. */
#define SL_TOLD(...)             \
    &(const struct sl_path_told) \
    {                            \
        .text = __VA_ARGS__      \
    }

/* The dialect of a path and everything below it, whether such a path exists or not. */
struct sl_path_prefix {
    struct sl_str prefix; /* "": everything else */
    const struct sl_dialect *dialect;
    const char *header;           /* only for requests with this header; NULL: for all */
    const struct sl_str *endings; /* only for paths that end with one of these (the last p is NULL); NULL: for all */
};

struct sl_path_table {
    const struct sl_path *const *lists;    /* of rows; each list ends with a NULL pattern, `lists` ends with NULL */
    const struct sl_path_prefix *prefixes; /* the first that fits is used; the last one is "" */
};

#define SL_PATH_ARGS 2

struct sl_path_match {
    struct sl_str path, query;
    struct sl_str arg;  /* the segment for "{}", decoded; p == NULL: none */
    struct sl_str rest; /* what follows it, with its '/', still encoded; p == NULL: none */
    struct sl_str arg2; /* the same as `arg` for a second "{}" */
    unsigned method;
    unsigned allowed; /* methods of the rows that the path fits; set by sl_nopath_refuse */
};

/* NULL: no row has this path and method. SL_E_INVAL in *ret_r: the target is not a path. */
const struct sl_path *sl_path_find(const struct sl_path_table *table, struct sl_str method, struct sl_str target,
                                   struct sl_arena *arena, struct sl_path_match *ret_match, int *ret_r);
/* The same for the path and method in *match; it sets `arg` again. */
const struct sl_path *sl_path_look(const struct sl_path_table *table, struct sl_arena *arena,
                                   struct sl_path_match *match, int *ret_r);
/* The methods of the rows that a path fits; 0: no such path. The path of a call of a model exists only for each route:
 * `has_route` says whether the route exists. */
unsigned sl_path_methods(const struct sl_path_table *table, struct sl_str path, struct sl_arena *arena,
                         bool (*has_route)(void *arg, struct sl_str name), void *arg);
/* The methods that pages of server.cors may use on a path: those of calls of models, and of lists that any key may
 * read. */
unsigned sl_path_page_methods(const struct sl_path_table *table, struct sl_str path);
/* True: pages may read the reply on this path. `row`: the row that was found. They may also learn that a path does not
 * exist. */
bool sl_path_is_for_pages(const struct sl_path_table *table, const struct sl_path *row, struct sl_str path);
/* Removes the prefix, which must be whole segments: "/ai" from "/ai/v1/models" leaves "/v1/models", from "/ai" it
 * leaves "". p == NULL: the path does not begin with it, or the prefix is "". */
struct sl_str sl_path_cut(struct sl_str path, struct sl_str prefix);
/* The dialect before the caller is known. Without headers only the path decides. */
const struct sl_dialect *sl_path_dialect(const struct sl_path_table *table, struct sl_str path,
                                         const struct sl_headers *headers);

/* Walks over all rows: begin with { 0 }; NULL at the end. */
struct sl_path_iter {
    uint32_t list, row;
};
const struct sl_path *sl_path_next(const struct sl_path_table *table, struct sl_path_iter *it);

/* "GET, POST" */
#define SL_METHODS_MAX 64
void sl_methods_format(unsigned methods, char out[SL_METHODS_MAX]);

#endif
