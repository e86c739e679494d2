/* SPDX-License-Identifier: Apache-2.0 */
#include "log/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "log/columns.h"
#include "log/rlog.h"

/* What one walk needs. */
struct walk {
    struct sl_rlog_scan *scan;
    struct sl_rlog_view view;
    int fd; /* of the segment below; -1: none */
    const struct sl_segment *segment;
    uint8_t fits[SL_BLOCK_ROWS];
    bool is_enough;
    sl_rlog_row_fn *fn;
    void *arg;
    struct sl_rlog_facets *facets;
};

static void walk_done(struct walk *walk)
{
    if (walk->fd >= 0) {
        close(walk->fd);
    }
    sl_rlog_view_drop(&walk->view);
}

/* The file of a block. SL_E_NOTFOUND: it was deleted meanwhile. */
static int file_of(struct walk *walk, const struct sl_block *block, int *ret_fd)
{
    if (walk->segment != block->segment || walk->fd < 0) {
        if (walk->fd >= 0) {
            close(walk->fd);
        }
        walk->segment = block->segment;
        walk->fd = open(block->segment->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (walk->fd < 0) {
            return errno == ENOENT ? SL_E_NOTFOUND : SL_E_IO;
        }
    }
    *ret_fd = walk->fd;
    return 0;
}

/* The block cannot be read: its rows are left out. */
static void block_damaged(struct walk *walk, struct sl_block *block, int why)
{
    walk->scan->n_damaged += block->n_rows;
    if (!atomic_exchange(&block->was_damage_told, true)) {
        sl_log(SL_LOG_ERROR, "requests", "%s cannot be read at %llu (%s): %u rows of the request log are left out",
               block->segment->path, (unsigned long long)block->at, sl_err_name(why), block->n_rows);
    }
}

/* --- one block --- */

static int facet_add(struct sl_rlog_facets *facets, uint32_t i, struct sl_str text, uint64_t n)
{
    struct sl_rlog_facet_count *count = sl_map_find(&facets->v[i].counts, text);
    if (!count && facets->v[i].counts.n >= SL_RLOG_FACET_TEXTS_MAX) {
        facets->v[i].n_others += n;
        return 0;
    }
    if (!count) {
        count = SL_ARENA_NEW(&facets->arena, struct sl_rlog_facet_count);
        struct sl_str kept = sl_arena_dup(&facets->arena, text);
        if (!count || !kept.p) {
            return SL_E_NOMEM;
        }
        count->text = kept;
        int r = sl_map_put(&facets->v[i].counts, kept, count);
        if (r < 0) {
            return r;
        }
    }
    count->n += n;
    return 0;
}

/* Counts rows of one column. `fits` NULL: all. */
static int column_count(struct walk *walk, struct sl_columns *columns, uint32_t facet, const uint8_t *fits,
                        uint32_t n_fits)
{
    struct sl_rlog_facets *facets = walk->facets;
    enum sl_rlog_text text = facets->v[facet].text;
    struct sl_str bytes, codes = SL_STR_NONE;
    struct sl_words words;
    int r = sl_columns_get(columns, SL_SECTION_WORDS, text, &bytes);
    if (r < 0 || !bytes.p) {
        return r < 0 ? r : facet_add(facets, facet, SL_STR(""), n_fits);
    }
    uint32_t n_rows = columns->block->n_rows;
    r = sl_words_open(bytes, &words);
    if (r == 0 && fits && words.n > 1) {
        r = sl_columns_get(columns, SL_SECTION_CODES, text, &codes);
    }
    unsigned width = sl_code_width(words.n);
    if (r < 0 || (codes.p && codes.n != (size_t)width * n_rows)) {
        return r < 0 ? r : SL_E_DAMAGED;
    }
    uint32_t counts[SL_BLOCK_ROWS];
    if (codes.p) {
        memset(counts, 0, words.n * sizeof(counts[0]));
        for (uint32_t i = 0; i < n_rows; i++) {
            uint16_t code = (unsigned char)codes.p[(size_t)i * width];
            if (width == 2) {
                memcpy(&code, codes.p + (size_t)i * 2, 2);
            }
            if (code >= words.n) {
                return SL_E_DAMAGED;
            }
            counts[code] += fits[i];
        }
    }
    struct sl_word_iter it = { 0 };
    while (r == 0 && sl_words_next(&words, &it)) {
        uint32_t n = codes.p ? counts[it.i] : fits ? n_fits : it.n_rows;
        r = n ? facet_add(facets, facet, it.text, n) : 0;
    }
    return r;
}

static int block_count(struct walk *walk, struct sl_columns *columns, const uint8_t *fits, uint32_t n)
{
    struct sl_str bytes;
    int r = 0;
    for (uint32_t i = 0; i < walk->facets->n && r == 0; i++) { /* all is read before anything is counted */
        r = sl_columns_get(columns, SL_SECTION_WORDS, walk->facets->v[i].text, &bytes);
        r = r < 0 || !fits ? r : sl_columns_get(columns, SL_SECTION_CODES, walk->facets->v[i].text, &bytes);
    }
    for (uint32_t i = 0; i < walk->facets->n && r == 0; i++) {
        r = column_count(walk, columns, i, fits, n);
    }
    walk->facets->n_rows += r == 0 ? n : 0;
    return r;
}

static int block_rows(struct walk *walk, struct sl_columns *columns, bool is_all)
{
    const struct sl_block *block = columns->block;
    struct sl_rlog_row row;
    int r = 0;
    for (uint32_t i = block->n_rows; i-- > 0 && r == 0 && !walk->is_enough;) {
        if ((is_all || walk->fits[i]) && block->first_row + i < walk->scan->before) {
            r = sl_columns_row(columns, i, &row);
            if (r == 0) {
                walk->is_enough = !walk->fn(walk->arg, block->first_row + i, &row);
                walk->scan->before = block->first_row + i;
            }
        }
    }
    return r;
}

/* True: no row of it can fit. */
static bool is_beside(const struct sl_rlog_scan *scan, const struct sl_block *block)
{
    const struct sl_rlog_query *query = scan->query;
    return block->first_row >= scan->before || block->max_time_usec < query->from_usec ||
           block->min_time_usec >= query->to_usec;
}

/* 0, or SL_E_NOMEM. */
static int block_walk(struct walk *walk, struct sl_block *block)
{
    struct sl_columns columns;
    uint32_t n = 0;
    bool is_all = false;
    int fd;
    int r = file_of(walk, block, &fd);
    if (r == SL_E_NOTFOUND) {
        return 0;
    }
    r = r < 0 ? r : sl_columns_init(&columns, block, fd);
    if (r == 0) {
        r = sl_columns_select(&columns, walk->scan->query, walk->fits, &n, &is_all);
        if (r == 0 && n && walk->facets) {
            r = block_count(walk, &columns, is_all ? NULL : walk->fits, n);
        } else if (r == 0 && n) {
            r = block_rows(walk, &columns, is_all);
        }
        sl_columns_done(&columns);
    }
    if (r < 0 && r != SL_E_NOMEM) {
        block_damaged(walk, block, r);
        r = 0;
    }
    return r;
}

/* --- the newest rows --- */

static int row_count(struct walk *walk, const struct sl_rlog_row *row)
{
    int r = 0;
    walk->facets->n_rows++;
    for (uint32_t i = 0; i < walk->facets->n && r == 0; i++) {
        r = facet_add(walk->facets, i, row->texts[walk->facets->v[i].text], 1);
    }
    return r;
}

static int active_walk(struct walk *walk)
{
    const struct sl_active *active = walk->view.active;
    struct sl_rlog_scan *scan = walk->scan;
    struct sl_rlog_row row;
    int r = 0;
    for (uint32_t i = walk->view.n_active; i-- > 0 && r == 0 && !walk->is_enough;) {
        uint64_t number = active->first_row + i;
        if (number >= scan->before || sl_rlog_row_read(sl_active_row(active, i), &row) < 0) {
            continue;
        }
        scan->before = number;
        scan->searched_usec = row.numbers[SL_RLOG_TIME];
        if (!sl_rlog_query_fits(scan->query, &row)) {
            continue;
        }
        if (walk->facets) {
            r = row_count(walk, &row);
        } else {
            walk->is_enough = !walk->fn(walk->arg, number, &row);
        }
    }
    return r;
}

/* --- slices --- */

/* The greatest time of the blocks that are still to look at, which are the first n. */
static int64_t searched(const struct walk *walk, uint32_t n)
{
    int64_t most = INT64_MIN;
    for (uint32_t i = 0; i < n; i++) {
        most = SL_MAX(most, walk->view.blocks->v[i]->max_time_usec);
    }
    return most;
}

static int slice(struct walk *walk, uint64_t until_usec)
{
    struct sl_rlog_scan *scan = walk->scan;
    int r = active_walk(walk);
    uint32_t i = walk->view.blocks->n;
    bool is_late = false;
    while (i > 0 && r == 0 && !walk->is_enough && !is_late) {
        struct sl_block *block = walk->view.blocks->v[i - 1];
        if (!is_beside(scan, block)) {
            r = block_walk(walk, block);
            is_late = sl_clock_usec() >= until_usec;
        }
        if (!walk->is_enough) {
            scan->before = SL_MIN(scan->before, block->first_row);
            i--;
        }
    }
    scan->is_done = i == 0 && !walk->is_enough;
    if (i < walk->view.blocks->n || scan->is_done) {
        scan->searched_usec = searched(walk, i);
    }
    return r;
}

static int walk_run(struct sl_rlog_scan *scan, uint64_t until_usec, struct walk *walk)
{
    walk->scan = scan;
    walk->fd = -1;
    sl_rlog_view_take(scan->log, &walk->view);
    int r = slice(walk, until_usec);
    walk_done(walk);
    return r;
}

int sl_rlog_scan_rows(struct sl_rlog_scan *scan, uint64_t until_usec, sl_rlog_row_fn *fn, void *arg)
{
    struct walk walk = { .fn = fn, .arg = arg };
    return walk_run(scan, until_usec, &walk);
}

void sl_rlog_facets_init(struct sl_rlog_facets *facets)
{
    *facets = (struct sl_rlog_facets){ 0 };
    sl_arena_init(&facets->arena, NULL);
}

void sl_rlog_facets_done(struct sl_rlog_facets *facets)
{
    for (uint32_t i = 0; i < facets->n; i++) {
        sl_map_done(&facets->v[i].counts);
    }
    sl_arena_done(&facets->arena);
}

int sl_rlog_scan_count(struct sl_rlog_scan *scan, uint64_t until_usec, struct sl_rlog_facets *facets)
{
    struct walk walk = { .facets = facets };
    return walk_run(scan, until_usec, &walk);
}

uint64_t sl_rlog_end(struct sl_rlog *log)
{
    struct sl_rlog_view view;
    sl_rlog_view_take(log, &view);
    uint64_t end = sl_rlog_view_end(&view);
    sl_rlog_view_drop(&view);
    return end;
}

/* Rows of a sealed block from number `from` on. */
static int block_rows_from(struct walk *walk, const struct sl_block *block, uint64_t *io_from)
{
    struct sl_columns columns;
    uint32_t n;
    bool is_all;
    int fd;
    int r = file_of(walk, block, &fd);
    r = r < 0 ? r : sl_columns_init(&columns, block, fd);
    if (r < 0) {
        return r;
    }
    r = sl_columns_select(&columns, walk->scan->query, walk->fits, &n, &is_all);
    uint32_t i = *io_from > block->first_row ? (uint32_t)(*io_from - block->first_row) : 0;
    for (; r == 0 && n && i < block->n_rows && !walk->is_enough; i++) {
        struct sl_rlog_row row;
        if (is_all || walk->fits[i]) {
            r = sl_columns_row(&columns, i, &row);
            walk->is_enough = r == 0 && !walk->fn(walk->arg, block->first_row + i, &row);
        }
    }
    *io_from = block->first_row + (walk->is_enough ? i : block->n_rows);
    sl_columns_done(&columns);
    return r;
}

static void active_rows_from(struct walk *walk, uint64_t *io_from)
{
    const struct sl_active *active = walk->view.active;
    uint64_t at = SL_MAX(*io_from, active->first_row);
    for (; !walk->is_enough && at < sl_rlog_view_end(&walk->view); at++) {
        struct sl_rlog_row row;
        if (sl_rlog_row_read(sl_active_row(active, (uint32_t)(at - active->first_row)), &row) == 0 &&
            sl_rlog_query_fits(walk->scan->query, &row)) {
            walk->is_enough = !walk->fn(walk->arg, at, &row);
        }
    }
    *io_from = at;
}

int sl_rlog_scan_from(struct sl_rlog *log, const struct sl_rlog_query *query, uint64_t *io_from, sl_rlog_row_fn *fn,
                      void *arg)
{
    struct sl_rlog_scan scan = { .log = log, .query = query };
    struct walk walk = { .scan = &scan, .fd = -1, .fn = fn, .arg = arg };
    int r = 0;
    sl_rlog_view_take(log, &walk.view);
    const struct sl_blocks *blocks = walk.view.blocks;
    uint32_t b = blocks->n;
    while (b > 0 && blocks->v[b - 1]->first_row + blocks->v[b - 1]->n_rows > *io_from) {
        b--;
    }
    for (; b < blocks->n && r != SL_E_NOMEM && !walk.is_enough; b++) {
        r = block_rows_from(&walk, blocks->v[b], io_from);
        if (r < 0 && r != SL_E_NOMEM && r != SL_E_NOTFOUND) {
            block_damaged(&walk, blocks->v[b], r);
        }
    }
    if (r != SL_E_NOMEM && !walk.is_enough) {
        active_rows_from(&walk, io_from);
    }
    walk_done(&walk);
    return r == SL_E_NOMEM ? r : 0;
}
