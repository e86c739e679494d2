/* SPDX-License-Identifier: Apache-2.0 */
/* What limits are: rules, and who has them. */
#ifndef SL_GATE_LIMIT_RULE_H
#define SL_GATE_LIMIT_RULE_H

#include "base/str.h"

struct sl_arena;
struct sl_zone;

/* The most rules in one list; the most of one owner, which may have two lists in force; and the most owners of one
 * call. */
#define SL_LIMIT_RULES_MAX  16
#define SL_LIMITS_MAX       32
#define SL_LIMIT_OWNERS_MAX 20
/* The most rules of one call: two lists of a route, that of a key, and those of eight groups. */
#define SL_LIMIT_OF_CALL_MAX 192
/* A session is forgotten when it made no call for so long. */
#define SL_LIMIT_SESSION_USEC 86400000000ull

/* Whose calls a counter counts together. */
enum sl_limit_key {
    SL_LIMIT_WHOLE,   /* all calls of the owner */
    SL_LIMIT_USER,    /* those of one principal */
    SL_LIMIT_SESSION, /* those of one session of one key */
    SL_LIMIT_SHARED,  /* those of principals without room; only the limiter makes it, a rule never has it */
};

enum sl_limit_kind {
    SL_LIMIT_REQUESTS,
    SL_LIMIT_TOKENS, /* input and output */
    SL_LIMIT_INPUT_TOKENS,
    SL_LIMIT_OUTPUT_TOKENS,
    SL_LIMIT_MONEY,      /* nano-dollars */
    SL_LIMIT_CONCURRENT, /* calls that run */
    SL_LIMIT_KINDS,
};

enum sl_limit_owner {
    SL_LIMIT_OF_ROUTE,
    SL_LIMIT_OF_KEY,
    SL_LIMIT_OF_GROUP,
    SL_LIMIT_OF_PAIR, /* a group's limits for one route: the name has both, with a line's end between them */
    SL_LIMIT_OWNERS
};

/* What holds while the counters' home cannot be reached. */
enum sl_limit_loss {
    SL_LIMIT_LOSS_DEFAULT, /* closed for money, else share */
    SL_LIMIT_LOSS_CLOSED,  /* no call passes */
    SL_LIMIT_LOSS_SHARE,   /* each node lets its part of what was left pass */
    SL_LIMIT_LOSS_LOCAL,   /* each node lets the whole cap pass */
    SL_LIMIT_LOSS_OPEN,    /* every call passes */
    SL_LIMIT_LOSSES,
};

/* The words for people and for the store: "requests", "route", "closed", …; all end with NULL. */
extern const char *const sl_limit_kind_names[];
extern const char *const sl_limit_owner_names[];
extern const char *const sl_limit_loss_names[];

/* One limit in force. */
struct sl_limit_rule {
    uint64_t cap;         /* 0: no call passes */
    uint64_t period_usec; /* 0: SL_LIMIT_CONCURRENT, which has no window */
    enum sl_limit_key key;
    uint32_t multiple; /* the period in words: 5 "minute" */
    const char *unit;  /* NULL: it has none */
    enum sl_limit_kind kind;
    const struct sl_zone *zone; /* the calendar's periods there; NULL: from the first call on */
    enum sl_limit_loss on_loss;
    struct sl_str route; /* in a group's list: it counts the calls of this route only; n == 0: of all */
};

SL_INLINE enum sl_limit_loss sl_limit_loss_of(const struct sl_limit_rule *rule)
{
    return rule->on_loss ? rule->on_loss : rule->kind == SL_LIMIT_MONEY ? SL_LIMIT_LOSS_CLOSED : SL_LIMIT_LOSS_SHARE;
}

/* The limits of one owner. It lives as long as what has it: a route, a key, a group. */
struct sl_limits {
    enum sl_limit_owner owner;
    struct sl_str name;
    uint64_t incarnation; /* 0: of the file. Else a number that tells owners of the same name apart */
    uint64_t hash;        /* of owner and name */
    const struct sl_limit_rule *rules;
    uint32_t n;
    uint32_t n_held;   /* rules that a call holds until it ends: all but those of requests */
    bool has_sessions; /* a rule counts sessions */
    bool has_tokens;   /* a rule needs to know how many tokens a call may use */
    bool has_money;    /* or what it may cost */
    /* A group's list in which some rules are for one route. These lists hold for calls in its place: the first has the
     * rules for all routes (and may be empty), the others are pairs. NULL: the list itself holds. */
    const struct sl_limits *parts;
    uint32_t n_parts;
};

/* Copies the rules with their routes, but not the name. SL_E_NOMEM. */
SL_MUST int sl_limits_new(struct sl_arena *arena, enum sl_limit_owner owner, struct sl_str name, uint64_t incarnation,
                          const struct sl_limit_rule *rules, uint32_t n, struct sl_limits **ret);
/* The same in the caller's struct; `rules` are borrowed too. */
void sl_limits_init(struct sl_limits *limits, enum sl_limit_owner owner, struct sl_str name, uint64_t incarnation,
                    const struct sl_limit_rule *rules, uint32_t n);
/* The list that holds for calls and has this rule of `limits`: itself, or one of its parts. */
const struct sl_limits *sl_limits_part(const struct sl_limits *limits, const struct sl_limit_rule *rule);

/* An owner as people know it: a pair is a group, and the route. */
struct sl_limit_owner_shown {
    enum sl_limit_owner owner;
    struct sl_str name, route; /* `route` n == 0: none */
};
struct sl_limit_owner_shown sl_limit_owner_show(enum sl_limit_owner owner, struct sl_str name);

#endif
