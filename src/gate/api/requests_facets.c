/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/api/requests_facets.h"

#include <stdlib.h>

#include "base/buf.h"
#include "gate/api/requests_words.h"
#include "json/write.h"
#include "log/scan.h"

int sl_requests_facets_read(struct sl_str by, struct sl_rlog_facets *io, struct sl_err *err)
{
    struct sl_str name;
    while (sl_str_next(&by, ',', &name)) {
        enum sl_rlog_text text = sl_requests_word(name);
        bool is_twice = false;
        for (uint32_t i = 0; i < io->n; i++) {
            is_twice |= io->v[i].text == text;
        }
        if (text == SL_RLOG_TEXTS || is_twice || io->n == SL_RLOG_FACETS_MAX) {
            return sl_fail(err, SL_E_INVAL, "by must be up to %u of " SL_REQUESTS_WORDS ", with commas between them",
                           SL_RLOG_FACETS_MAX);
        }
        io->v[io->n++].text = text;
    }
    return 0;
}

static int count_cmp(const void *a, const void *b)
{
    const struct sl_rlog_facet_count *x = *(struct sl_rlog_facet_count *const *)a,
                                     *y = *(struct sl_rlog_facet_count *const *)b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : sl_str_cmp(x->text, y->text);
}

/* Writes the texts with most rows; all others are counted together. */
static void facet_write(struct sl_jw *w, const struct sl_rlog_facets *facets, uint32_t i, uint64_t n_max)
{
    const struct sl_map *counts = &facets->v[i].counts;
    uint64_t n_others = facets->v[i].n_others;
    struct sl_rlog_facet_count **v = malloc((counts->n + 1) * sizeof(*v));
    size_t n = 0, at = 0;
    if (!v) {
        sl_buf_reserve(w->out, SIZE_MAX); /* makes the reply fail */
        return;
    }
    for (struct sl_rlog_facet_count *count; (count = sl_map_each(counts, &at)) != NULL;) {
        v[n++] = count;
    }
    qsort(v, n, sizeof(*v), count_cmp);
    sl_jw_key(w, sl_requests_word_name(facets->v[i].text));
    sl_jw_object(w);
    sl_jw_key(w, "values");
    sl_jw_array(w);
    for (size_t k = 0; k < n; k++) {
        if (k >= n_max) {
            n_others += v[k]->n;
            continue;
        }
        sl_jw_object(w);
        sl_jw_member_str(w, "value", v[k]->text.n ? v[k]->text : SL_STR_NONE);
        sl_jw_member_u64(w, "requests", v[k]->n);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_member_u64(w, "others", n_others);
    sl_jw_end(w);
    free(v);
}

void sl_requests_facets_write(struct sl_jw *w, const struct sl_rlog_facets *facets, uint64_t n_max)
{
    sl_jw_member_u64(w, "requests", facets->n_rows);
    sl_jw_key(w, "facets");
    sl_jw_object(w);
    for (uint32_t i = 0; i < facets->n; i++) {
        facet_write(w, facets, i, n_max);
    }
    sl_jw_end(w);
}
