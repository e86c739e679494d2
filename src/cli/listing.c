/* SPDX-License-Identifier: Apache-2.0 */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "declare.h"

/* Null and absent give an empty cell; a list of texts is joined with commas. */
static void cell_add(struct cli_table *table, const sluice_result *item, const char *path)
{
    char text[1024] = "", at[64];
    int kind = sluice_json_kind(item, path);
    if (kind == 'l') {
        for (size_t i = 0; i < sluice_json_count(item, path); i++) {
            snprintf(at, sizeof(at), "%s[%zu]", path, i);
            size_t len = strlen(text);
            snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "", sluice_json_get(item, at, NULL));
        }
        cli_table_add(table, text[0] ? text : NULL);
    } else if (kind == 0 || kind == '0') {
        cli_table_add(table, NULL);
    } else {
        size_t len;
        const char *value = sluice_json_get(item, path, &len);
        snprintf(text, sizeof(text), "%.*s", (int)len, value);
        cli_table_add(table, text);
    }
}

static int item_add(void *arg, const sluice_result *item)
{
    struct listing *l = arg;
    if (l->max && l->n == l->max) {
        return -1;
    }
    l->n++;
    if (l->json) {
        size_t len;
        const char *json = sluice_result_json(item, &len);
        fprintf(l->json, "%s%.*s", l->n > 1 ? "," : "", (int)len, json);
        return 0;
    }
    for (int i = 0; i < l->table.n_columns; i++) {
        cell_add(&l->table, item, l->paths[i]);
    }
    return 0;
}

int listing_print(const struct cli_args *args, const char *path, const char *member, struct listing *l)
{
    sluice_client *client = NULL;
    char *json = NULL;
    size_t len = 0;
    int r = cli_open(args, &client);
    if (r) {
        return r;
    }
    l->json = args->is_json ? open_memstream(&json, &len) : NULL;
    if (l->json) {
        fprintf(l->json, "{\"%s\":[", member);
    }
    r = declare_each(args, client, path, member, item_add, l);
    r = r == -1 ? 0 : r;
    if (l->json) {
        fputs("],\"next_page_token\":null}", l->json);
        bool is_whole = fclose(l->json) == 0;
        if (r == 0 && is_whole) {
            cli_put_json(json, len);
        }
        free(json);
    }
    /* Also frees the cells of a list that failed. */
    if (r) {
        cli_table_free(&l->table);
    } else {
        r = args->is_json ? CLI_DONE : cli_table_end(args, &l->table);
    }
    sluice_close(client);
    return r;
}
