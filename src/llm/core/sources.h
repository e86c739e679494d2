/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a text's sources in OpenAI's form, a list of `url_citation`, for all languages that have citations. */
#ifndef SL_LLM_SOURCES_H
#define SL_LLM_SOURCES_H

#include "json/write.h"
#include "llm/core/reading.h"

struct sl_sources {
    struct sl_buf buf;
    struct sl_jw w;
};

void sl_sources_begin(struct sl_sources *sources);
/* Places are characters of the choice's text; -1: not known, and left out. False: the source has no address, or the
 * list has reached its longest. */
bool sl_sources_add(struct sl_sources *sources, struct sl_json_val url, struct sl_json_val title, int64_t start,
                    int64_t end);
/* Where a language has the parts of a source: paths for sl_json_at; the first that leads to a text counts. */
#define SL_SOURCE_PATHS_MAX 3
struct sl_source_paths {
    const char *url[SL_SOURCE_PATHS_MAX], *title[SL_SOURCE_PATHS_MAX]; /* NULL: no further path */
};
/* Adds all of a list, or a single source, for one place. False: some have no web address, or there are too many. */
bool sl_sources_add_all(struct sl_sources *sources, struct sl_json_val list, const struct sl_source_paths *paths,
                        int64_t start, int64_t end);
/* Moves the list to *ret, which stays unchanged when nothing was added. SL_E_NOMEM. */
SL_MUST int sl_sources_end(struct sl_sources *sources, struct sl_arena *arena, struct sl_str *ret);

/* Does all of that for one list. When there is no memory, the reading's status says so. False as above. */
bool sl_sources_read(struct sl_reading *rd, struct sl_json_val list, const struct sl_source_paths *paths, int64_t start,
                     int64_t end, struct sl_str *ret);

/* A text's sources in both forms, as a block and a delta have them. */
struct sl_cited {
    struct sl_str annotations, quotes;
    bool has_more_quotes;
};

/* --- reading them, for languages with other names --- */

struct sl_citation {
    struct sl_json_val url, title; /* `title` may be no text */
    int64_t start, end;            /* characters of the choice's text; -1: not given */
};

/* Walks over a block's or a delta's `annotations`; end it with sl_citations_done in any case. */
struct sl_citations {
    struct sl_json doc;
    struct sl_json_iter it;
};

void sl_citations_begin(struct sl_citations *citations, struct sl_str annotations);
/* The next web source; others are skipped. */
bool sl_citations_next(struct sl_citations *citations, struct sl_citation *ret);
void sl_citations_done(struct sl_citations *citations);

#endif
