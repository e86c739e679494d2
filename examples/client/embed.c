/* SPDX-License-Identifier: Apache-2.0 */
/* Prints how similar two texts are. usage: embed ROUTE TEXT TEXT */
#include <sluice/client.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The numbers of one embedding; the caller frees them. */
static float *numbers(const sluice_result *result, size_t index, size_t *n)
{
    float *values;
    *n = sluice_result_embedding(result, index, NULL, 0);
    values = malloc((*n + 1) * sizeof(*values));
    if (values) {
        sluice_result_embedding(result, index, values, *n);
    }
    return values;
}

static void compare(const sluice_result *result)
{
    size_t n, m, i;
    float *a = numbers(result, 0, &n), *b = numbers(result, 1, &m);
    double ab = 0, aa = 0, bb = 0;
    if (!a || !b || n != m || n == 0) {
        printf("%zu embeddings, of %zu and %zu numbers\n", sluice_result_embedding_count(result), n, m);
    } else {
        for (i = 0; i < n; i++) {
            ab += (double)a[i] * b[i];
            aa += (double)a[i] * a[i];
            bb += (double)b[i] * b[i];
        }
        printf("%.4f over %zu numbers\n", ab / sqrt(aa * bb), n);
    }
    free(a);
    free(b);
}

int main(int argc, char **argv)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    char json[1024];
    int r;

    /* The two texts go in as they are: this program takes words without quotes and backslashes. */
    if (argc != 4 || strpbrk(argv[2], "\"\\") || strpbrk(argv[3], "\"\\") ||
        snprintf(json, sizeof(json), "{\"input\": [\"%s\", \"%s\"]}", argv[2], argv[3]) >= (int)sizeof(json)) {
        fprintf(stderr, "usage: embed ROUTE TEXT TEXT\n");
        return 2;
    }
    r = sluice_open(NULL, &client, &err);
    if (r == 0) {
        r = sluice_query(client, argv[1], json, SLUICE_NUL_TERMINATED, &result, &err);
    }
    if (r == 0) {
        compare(result);
    } else {
        fprintf(stderr, "%s: %s\n", sluice_error_name(err), sluice_error_text(err));
    }
    sluice_error_free(err);
    sluice_result_free(result);
    sluice_close(client);
    return r == 0 ? 0 : 1;
}
