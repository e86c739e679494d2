/* SPDX-License-Identifier: Apache-2.0 */
/* Writes lists of limits. limits_json.h describes their forms. */
#ifndef SL_GATE_LIMITS_WRITE_H
#define SL_GATE_LIMITS_WRITE_H

#include <stdbool.h>
#include <stdint.h>

struct sl_jw;
struct sl_limit_rule;
struct sl_limits;

struct sl_limits_words {
    const char *list;  /* the name of the member that has the list */
    const char *route; /* the key that means the whole owner */
    bool has_all;      /* our form is taken and shown too; else only requests, in the first form */
    bool is_ours;      /* all of them are shown in our form */
    bool has_routes;   /* each may be for one route: a group's list */
};

/* MLflow's names: "limits", "route". */
extern const struct sl_limits_words sl_limits_requests;
/* Both forms under these names: in the file, in the store, in what is shown of a route. */
extern const struct sl_limits_words sl_limits_mixed;
/* Both are taken, and ours is shown. */
extern const struct sl_limits_words sl_limits_ours;
/* As sl_limits_mixed, for the list of a group. */
extern const struct sl_limits_words sl_limits_group;

/* True: a limit of requests, as MLflow has them. */
bool sl_limit_is_plain(const struct sl_limit_rule *rule);
/* Writes one of these in MLflow's form. */
void sl_limit_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limit_rule *rule);
/* Writes the member `member` with a rule's period, and its zone. */
void sl_limit_period_write(struct sl_jw *w, const char *member, const struct sl_limit_rule *rule);
/* Writes the list of those rules that have a place there; `limits` NULL: none. */
void sl_limits_write(struct sl_jw *w, const struct sl_limits_words *words, const struct sl_limits *limits);

#endif
