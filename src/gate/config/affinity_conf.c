/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/affinity_conf.h"

#include "base/arena.h"
#include "base/num.h"
#include "wire/headers.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

static int header_set(struct sl_bind *bind, const struct sl_val *val, struct sl_str name, struct sl_affinity_conf *conf)
{
    if (!sl_header_is_name(name)) {
        return FAIL(bind, val, "\"%.*s\" is no header's name", SL_STR_ARG(sl_str_sub(name, 0, 64)));
    }
    conf->by = SL_AFFINITY_HEADER;
    conf->header = sl_arena_dup(bind->arena, name);
    return conf->header.p ? 0 : FAIL(bind, val, "out of memory");
}

/* auto, off, "header: NAME", { header: NAME } */
static int by_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_affinity_conf *conf = SL_CONTAINER_OF(field, struct sl_affinity_conf, by);
    const struct sl_val *header = sl_val_find(val, "header");
    bool is_on = true, is_word = val->kind <= SL_VAL_STRING && val->kind != SL_VAL_NULL;
    conf->by = SL_AFFINITY_AUTO;
    if (is_word && sl_str_eq_c(val->text, "auto")) {
        return 0;
    }
    if (is_word && sl_parse_bool(val->text, &is_on) == 0 && !is_on) {
        conf->by = SL_AFFINITY_OFF;
        return 0;
    }
    if (is_word && sl_str_has_prefix(val->text, SL_STR("header:"))) {
        return header_set(bind, val, sl_str_trim(sl_str_sub(val->text, sizeof("header:") - 1, val->text.n)), conf);
    }
    if (header && header->kind == SL_VAL_STRING && val->n == 1) {
        return header_set(bind, header, header->text, conf);
    }
    return FAIL(bind, val, "must be auto, off or { header: NAME }");
}

#define FIELD(field) offsetof(struct sl_affinity_conf, field)
const struct sl_opt sl_affinity_rows[] = {
    { "by", SL_OPT_CUSTOM, FIELD(by), "auto", 0, 0, SL_OPT_RELOAD, NULL, NULL, by_check,
      "auto (x-sluice-session, prompt_cache_key, what only one target reads, or how the conversation begins), off, or "
      "{ header: NAME }" },
    { "ttl", SL_OPT_USEC, FIELD(ttl_usec), "1h", SL_USEC_PER_SEC, 30 * 86400 * SL_USEC_PER_SEC, SL_OPT_RELOAD, NULL,
      NULL, NULL, "how long behind its last call a conversation is known" },
    { NULL },
};

int sl_affinity_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    struct sl_affinity_conf *conf = field;
    if (val->kind == SL_VAL_MAP && !sl_val_find(val, "header")) {
        return sl_opt_bind(bind, sl_affinity_rows, val, field);
    }
    return by_check(bind, row, val, &conf->by);
}

void sl_affinity_defaults(struct sl_affinity_conf *conf, struct sl_bind *bind)
{
    sl_opt_defaults(sl_affinity_rows, conf, bind);
}
