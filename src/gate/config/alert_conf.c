/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/alert_conf.h"

#include "base/arena.h"
#include "base/base64.h"
#include "base/num.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

/* Standard Webhooks: a secret has 24 to 64 bytes, written as whsec_ and base64. */
#define SECRET_PREFIX "whsec_"
#define SECRET_MIN    24
#define SECRET_MAX    64

static int marks_fault(struct sl_bind *bind, const struct sl_val *val)
{
    return FAIL(bind, val, "must be a list of up to %d whole numbers from 1 to 100, each larger than the one before",
                SL_ALERT_MARKS_MAX);
}

/* Takes a list, or numbers with commas between them: the default. */
static int at_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_alert_marks marks = { 0 };
    struct sl_str rest = val->kind == SL_VAL_STRING ? val->text : SL_STR(""), word;
    bool is_list = val->kind == SL_VAL_LIST;
    for (uint32_t i = 0; is_list ? i < val->n : sl_str_next(&rest, ',', &word); i++) {
        uint64_t at, least = marks.n ? marks.at[marks.n - 1] + 1u : 1;
        const struct sl_val *item = is_list ? val->items[i].val : NULL;
        bool is_number = !item || item->kind == SL_VAL_NUMBER;
        if (!is_number || marks.n == SL_ALERT_MARKS_MAX ||
            sl_parse_u64(item ? item->text : sl_str_trim(word), least, 100, &at) < 0) {
            return marks_fault(bind, item ? item : val);
        }
        marks.at[marks.n++] = (uint8_t)at;
    }
    if (!marks.n) {
        return marks_fault(bind, val);
    }
    *(struct sl_alert_marks *)field = marks;
    return 0;
}

static int url_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_alert_conf *conf = SL_CONTAINER_OF(field, struct sl_alert_conf, url);
    struct sl_err err = { 0 };
    if (sl_uri_parse(conf->url, &conf->base, &err) < 0) {
        return FAIL(bind, val, "is not a URL: %s", err.text);
    }
    if (conf->base.userinfo.n) {
        return FAIL(bind, val, "must have no user and no password: the signature says who sends");
    }
    const struct sl_uri *base = &conf->base;
    conf->target = sl_arena_printf(bind->arena, "%.*s%s%.*s", base->path.n ? (int)base->path.n : 1,
                                   base->path.n ? base->path.p : "/", base->has_query ? "?" : "",
                                   SL_STR_ARG(base->query));
    return conf->target.p ? 0 : FAIL(bind, val, "out of memory");
}

static const struct sl_opt webhook_opts[] = {
    { "url", SL_OPT_URL, offsetof(struct sl_alert_conf, url), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
      url_check, "where each alert is sent to, as a POST in the form of Standard Webhooks" },
    { "secret", SL_OPT_SECRET, offsetof(struct sl_alert_conf, text), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL,
      NULL, NULL, "signs it: whsec_ and 24 to 64 random bytes in base64" },
    { NULL },
};

const struct sl_opt sl_alert_opts[] = {
    { "at", SL_OPT_CUSTOM, offsetof(struct sl_alert_conf, marks), "50, 80, 100", 0, 0, SL_OPT_RELOAD, NULL, NULL,
      at_check, "the shares of a limit's cap, in percent, at which the operator is told: a list, each once a window",
      .forms =
          "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}},{\"type\":\"string\"}" },
    { "webhook", SL_OPT_MAP, 0, NULL, 0, 0, SL_OPT_RELOAD, NULL, webhook_opts, NULL,
      "where alerts are sent to, beside the log" },
    { NULL },
};

/* Decodes the secret. The error never has a part of it. */
static int secret_read(struct sl_bind *bind, const struct sl_val *webhook, struct sl_alert_conf *conf)
{
    struct sl_str text = sl_secret_reveal(&conf->text), prefix = SL_STR(SECRET_PREFIX), key = SL_STR("");
    const struct sl_val *val = sl_val_find(webhook, "secret");
    struct sl_arena arena;
    sl_arena_init_small(&arena, 256);
    struct sl_str code = sl_str_has_prefix(text, prefix) ? sl_str_sub(text, prefix.n, text.n) : SL_STR("");
    if (code.n <= (size_t)SECRET_MAX * 2 && sl_base64_is_sound(code)) {
        key = sl_base64_decode(code, &arena);
    }
    int r = key.p && (key.n < SECRET_MIN || key.n > SECRET_MAX) ? SL_E_INVAL : !key.p ? SL_E_NOMEM : 0;
    r = r < 0 ? r : sl_secret_set(&conf->key, key);
    sl_arena_wipe(&arena);
    sl_arena_done(&arena);
    sl_secret_done(&conf->text);
    if (r < 0) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, val->pos, "alerts.webhook.secret",
                        r == SL_E_NOMEM ? "out of memory"
                                        : "must be " SECRET_PREFIX
                                          " and 24 to 64 bytes in base64, as `echo " SECRET_PREFIX
                                          "$(openssl rand -base64 32)` makes them");
    }
    return r < 0 ? SL_E_INVAL : 0;
}

int sl_alerts_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct sl_alert_conf *conf = SL_ARENA_NEW(bind->arena, struct sl_alert_conf);
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map like { at: [50, 80, 100] }; without alerts, leave the section out");
    }
    if (!conf) {
        return FAIL(bind, val, "out of memory");
    }
    *(struct sl_alert_conf **)field = conf;
    int r = sl_opt_bind(bind, sl_alert_opts, val, conf);
    return r == 0 && conf->url.p ? secret_read(bind, sl_val_find(val, "webhook"), conf) : r;
}

void sl_alert_conf_done(struct sl_alert_conf *conf)
{
    if (conf) {
        sl_secret_done(&conf->text);
        sl_secret_done(&conf->key);
    }
}
