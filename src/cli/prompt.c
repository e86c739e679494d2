/* SPDX-License-Identifier: Apache-2.0 */
/* Makes requests from texts and options. */
#include "prompt.h"

#include <stdlib.h>
#include <string.h>

int prompt_check(const struct cli_args *args, const char *command, const char *route_type)
{
    bool is_embedding = strcmp(route_type, "llm/v1/embeddings") == 0;
    bool is_completion = strcmp(route_type, "llm/v1/completions") == 0;
    const char *wrong = args->system && (is_embedding || is_completion) ? "--system"
                        : args->temperature && is_embedding             ? "--temperature"
                        : args->max_tokens && is_embedding              ? "--max-tokens"
                        : args->is_stream && is_embedding               ? "--stream"
                                                                        : NULL;
    return wrong ? cli_usage(command, "a route of type %s takes no %s", route_type, wrong) : CLI_DONE;
}

void prompt_put_settings(FILE *out, const struct cli_args *args)
{
    if (args->temperature) {
        fprintf(out, ",\"temperature\":%s", args->temperature);
    }
    if (args->max_tokens) {
        fprintf(out, ",\"max_tokens\":%lld", (long long)args->max_tokens - 1);
    }
}

char *prompt_request(const struct cli_args *args, const char *type, const char *system, const char *text)
{
    char *json = NULL;
    size_t len;
    FILE *out = open_memstream(&json, &len);
    if (!out) {
        return NULL;
    }
    bool is_embedding = strcmp(type, "llm/v1/embeddings") == 0, is_completion = strcmp(type, "llm/v1/completions") == 0;
    fputs(is_embedding ? "{\"input\":" : is_completion ? "{\"prompt\":" : "{\"messages\":[", out);
    if (system && !is_embedding && !is_completion) {
        fputs("{\"role\":\"system\",\"content\":", out);
        cli_json_string(out, system);
        fputs("},", out);
    }
    fputs(is_embedding || is_completion ? "" : "{\"role\":\"user\",\"content\":", out);
    cli_json_string(out, text);
    fputs(is_embedding || is_completion ? "" : "}]", out);
    prompt_put_settings(out, args);
    putc('}', out);
    if (fclose(out) != 0) {
        free(json);
        return NULL;
    }
    return json;
}

bool prompt_is_blank(const char *text)
{
    return !text || !text[strspn(text, " \t\r\n\v\f")];
}

char *prompt_join(const char *const *parts, size_t n)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        return NULL;
    }
    bool has_part = false;
    for (size_t i = 0; i < n; i++) {
        if (!prompt_is_blank(parts[i])) {
            fprintf(out, "%s%s", has_part ? "\n\n" : "", parts[i]);
            has_part = true;
        }
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
