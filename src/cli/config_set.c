/* SPDX-License-Identifier: Apache-2.0 */
/* KEY=VALUE is text, or JSON where it is a number, true, false, null, an object or a list; KEY="5" is text again.
 * KEY=$NAME is a variable and KEY=@FILE a file, both always text: secrets come only from there, because every user of
 * the machine can read a command line. KEY may be a path with one level, aws_config.aws_region. */
#include "config_set.h"

#include <stdlib.h>
#include <string.h>

bool config_set_is_secret_name(const char *member)
{
    static const char *const endings[] = { "api_key", "access_key", "access_key_id", "token", "secret", "password" };
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t n = strlen(endings[i]), len = strlen(member);
        if (len >= n && strcmp(member + len - n, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct setting {
    char key[128];    /* in the configuration */
    char member[128]; /* inside of it; "": none */
    const char *value;
    bool is_secret;
};

static int setting_parse(const char *text, struct setting *s)
{
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0, dot = equals ? strcspn(text, ".=") : 0;
    dot = dot < len ? dot : len;
    if (len == 0 || dot == 0 || dot >= sizeof(s->key) || len - dot >= sizeof(s->member) || dot + 1 == len ||
        memchr(text + dot + (dot < len), '.', len - dot - (dot < len))) {
        return cli_usage("routes create", "'%s' is not KEY=VALUE, such as openai_api_base=https://example.com/v1",
                         text);
    }
    static const char *const of_route[] = { "sluice", "targets", "limit", "limits" };
    snprintf(s->key, sizeof(s->key), "%.*s", (int)dot, text);
    for (size_t i = 0; i < sizeof(of_route) / sizeof(of_route[0]); i++) {
        if (strcmp(s->key, of_route[i]) == 0) {
            return cli_usage("routes create",
                             "--set is for the provider's configuration, which has no %s: a route with more than that "
                             "comes from a file, by sluice routes apply",
                             s->key);
        }
    }
    snprintf(s->member, sizeof(s->member), "%.*s", dot < len ? (int)(len - dot - 1) : 0, text + dot + (dot < len));
    s->value = equals + 1;
    s->is_secret = config_set_is_secret_name(*s->member ? s->member : s->key);
    return CLI_DONE;
}

static int text_put(const struct cli_args *args, FILE *out, const struct setting *s, const char *text)
{
    cli_json_string(out, s->is_secret && args->is_dry_run ? "***" : text);
    return CLI_DONE;
}

static int value_put(const struct cli_args *args, FILE *out, const struct setting *s)
{
    if (s->value[0] == '$' && s->value[1]) {
        const char *text = getenv(s->value + 1);
        return text && *text ? text_put(args, out, s, text)
                             : cli_fail(CLI_LOCAL, "%s: the variable %s is not set", s->key, s->value);
    }
    if (s->value[0] == '@') {
        char *text = NULL;
        int r = cli_read(s->value, &text);
        if (r == 0) {
            size_t len = strlen(text);
            while (len && strchr("\r\n", text[len - 1])) {
                text[--len] = '\0';
            }
            r = text_put(args, out, s, text);
            explicit_bzero(text, len);
        }
        free(text);
        return r;
    }
    if (s->is_secret) {
        return cli_usage("routes create",
                         "%s: every user of this machine can read a command line; give the secret as a variable "
                         "('%s=$NAME', in single quotes) or a file (%s=@FILE)",
                         s->key, s->key, s->key);
    }
    sluice_result *json = NULL;
    bool is_json = strchr("-0123456789tfn{[\"", s->value[0]) && s->value[0] &&
                   sluice_json_parse(s->value, SLUICE_NUL_TERMINATED, &json, NULL) == 0;
    sluice_result_free(json);
    if (is_json) {
        fputs(s->value, out);
        return CLI_DONE;
    }
    return text_put(args, out, s, s->value);
}

/* Settings of one key are written together, wherever they were on the command line. */
static int group_put(const struct cli_args *args, FILE *out, const struct setting *all, int n, int first)
{
    int r = CLI_DONE, n_members = 0;
    cli_json_string(out, all[first].key);
    putc(':', out);
    if (!*all[first].member) {
        return value_put(args, out, &all[first]);
    }
    putc('{', out);
    for (int i = first; i < n && r == 0; i++) {
        if (strcmp(all[i].key, all[first].key) == 0) {
            fputs(n_members++ ? "," : "", out);
            cli_json_string(out, all[i].member);
            putc(':', out);
            r = value_put(args, out, &all[i]);
        }
    }
    putc('}', out);
    return r;
}

int config_set_put(const struct cli_args *args, FILE *out)
{
    struct setting all[CLI_LIST_MAX];
    int n = args->set.n, n_put = 0;
    for (int i = 0; i < n; i++) {
        int r = setting_parse(args->set.v[i], &all[i]);
        if (r) {
            return r;
        }
        for (int k = 0; k < i; k++) {
            bool is_same = strcmp(all[i].key, all[k].key) == 0;
            if (is_same && (!*all[i].member || strcmp(all[i].member, all[k].member) == 0 || !*all[k].member)) {
                return cli_usage("routes create", "--set has %s twice", all[i].key);
            }
        }
    }
    fputs(n ? ",\"config\":{" : "", out);
    for (int i = 0; i < n; i++) {
        bool is_first = true;
        for (int k = 0; k < i; k++) {
            is_first &= strcmp(all[i].key, all[k].key) != 0;
        }
        if (is_first) {
            fputs(n_put++ ? "," : "", out);
            int r = group_put(args, out, all, n, i);
            if (r) {
                return r;
            }
        }
    }
    fputs(n ? "}" : "", out);
    return CLI_DONE;
}

bool config_set_has_secret(const struct cli_args *args)
{
    struct setting s;
    for (int i = 0; i < args->set.n; i++) {
        if (strchr(args->set.v[i], '=') && setting_parse(args->set.v[i], &s) == 0 && s.is_secret) {
            return true;
        }
    }
    return false;
}
