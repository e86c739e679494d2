/* SPDX-License-Identifier: Apache-2.0 */
/* The path table: which handler a method and path lead to, and in whose dialect errors are told. It knows no row: the
 * table is given. */
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

/* Of every call that is no invocation; beyond it 413. */
#define SL_MANAGE_BODY_MAX (1u << 20)
/* Of a call that needs no key, and no body either: who has none shall not fill server.limits.memory. */
#define SL_OPEN_BODY_MAX 4096

/* What /docs and /openapi.json tell of a row. Lists are names with a blank between them; a name is that of a part of
 * /openapi.json. */
struct sl_path_told {
    const char *text;       /* what it does */
    const char *statuses;   /* what is answered besides what every call of its kind is; NULL: "200" */
    const char *parameters; /* besides what the path names */
    const char *headers;    /* of a success, besides those of every one */
    const char *body;       /* the schema; NULL: it has none */
    const char *form;       /* the same of a body that is a form; NULL: it may not be one */
    const char *reply;      /* the schema of a success; NULL: it has none, but for `media` */
    const char *media;      /* its type; NULL: JSON */
};

struct sl_path {
    unsigned methods; /* MLflow's paths take no HEAD: it stands here where it is served */
    /* "{}" stands for one segment, at most twice; a trailing '/' counts; two stars behind "{}/" are what follows. */
    const char *pattern;
    /* NULL: an invocation. Called with the body (empty for GET). */
    void (*handle)(struct sl_xchg *x);
    bool is_passage;  /* of an invocation: it goes to the path behind the route's name, at the provider */
    const char *tail; /* of one of a type that passes: its path behind the provider's base */
    bool takes_form;  /* and the body may be a form with files (multipart/form-data) */
    bool has_type;    /* of an invocation: the path says the type */
    bool takes_slash; /* the segment for "{}" may hold one, encoded */
    bool follows;     /* of one: it is about an answer that was made before, which the path names, or beside answers */
    bool counts;      /* of one: not an answer is asked for, but how many tokens the call has */
    enum sl_llm_type type;
    const struct sl_dialect *dialect; /* NULL: that of its prefix */
    enum sl_access access;
    bool is_watch;                   /* whoever watches the gateway asks it: served when it has no room for others */
    const struct sl_path_told *told; /* every row has it */
};

/* For a row's .told. */
#define SL_TOLD(...)             \
    &(const struct sl_path_told) \
    {                            \
        .text = __VA_ARGS__      \
    }

/* In whose words a path and everything below it is told, be it there or not. */
struct sl_path_prefix {
    struct sl_str prefix; /* "": everything else */
    const struct sl_dialect *dialect;
    const char *header; /* only for requests that have it; NULL: for all */
    const struct sl_str
        *endings; /* only for paths with one of these at their end (the last p is NULL); NULL: for all */
};

struct sl_path_table {
    const struct sl_path *const *lists;    /* of rows; each ends with a NULL pattern, all end with NULL */
    const struct sl_path_prefix *prefixes; /* the first that fits; the last one is "" */
};

#define SL_PATH_ARGS 2

struct sl_path_match {
    struct sl_str path, query;
    struct sl_str arg;  /* the segment for "{}", decoded; p == NULL: none */
    struct sl_str rest; /* what follows it, with its '/', as it came; p == NULL: none */
    struct sl_str arg2; /* the same for a second one */
    unsigned method;
    unsigned allowed; /* methods of the rows whose path fits */
};

/* NULL: no such path (ret_match->allowed == 0) or not with this method. SL_E_INVAL in *ret_r for a target that is not a
 * path. */
const struct sl_path *sl_path_find(const struct sl_path_table *table, struct sl_str method, struct sl_str target,
                                   struct sl_arena *arena, struct sl_path_match *ret_match, int *ret_r);
/* The same for the path and method in *match: its arg is taken anew. */
const struct sl_path *sl_path_look(const struct sl_path_table *table, struct sl_arena *arena,
                                   struct sl_path_match *match, int *ret_r);
/* The methods of the rows that a path fits; 0: there is no such path. `has_route` says whether an invocation path,
 * which is there for each route only, is. */
unsigned sl_path_methods(const struct sl_path_table *table, struct sl_str path, struct sl_arena *arena,
                         bool (*has_route)(void *arg, struct sl_str name), void *arg);
/* The methods with which pages of server.cors may use a path: it is that of calls, or of a list that any key may read.
 */
unsigned sl_path_page_methods(const struct sl_path_table *table, struct sl_str path);
/* May they hear what is answered there? `row`: the one that was found. That a path is not there at all may be told. */
bool sl_path_is_for_pages(const struct sl_path_table *table, const struct sl_path *row, struct sl_str path);
/* The path without the prefix, whole segments of it: "/v1/models" of "/ai/v1/models" and "/ai", "" of "/ai". p == NULL:
 * it does not begin with it, or the prefix is "". */
struct sl_str sl_path_cut(struct sl_str path, struct sl_str prefix);
/* Before it is known who asks. Without headers: what the path says alone. */
const struct sl_dialect *sl_path_dialect(const struct sl_path_table *table, struct sl_str path,
                                         const struct sl_headers *headers);

/* Every row, for who tells them all: begin with { 0 }; NULL ends. */
struct sl_path_iter {
    uint32_t list, row;
};
const struct sl_path *sl_path_next(const struct sl_path_table *table, struct sl_path_iter *it);

/* "GET, POST" */
#define SL_METHODS_MAX 64
void sl_methods_format(unsigned methods, char out[SL_METHODS_MAX]);

#endif
