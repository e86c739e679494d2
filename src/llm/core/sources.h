/* SPDX-License-Identifier: Apache-2.0 */
/* A text's sources in OpenAI's words, a list of `url_citation`: what all languages that cite make of theirs. */
#ifndef SL_LLM_SOURCES_H
#define SL_LLM_SOURCES_H

#include "json/write.h"
#include "llm/core/reading.h"

struct sl_sources {
    struct sl_buf buf;
    struct sl_jw w;
};

void sl_sources_begin(struct sl_sources *sources);
/* Places are characters of the choice's text; -1: not known, and left out. False: it has no address, or the list is as
 * long as one may be. */
bool sl_sources_add(struct sl_sources *sources, struct sl_json_val url, struct sl_json_val title, int64_t start,
                    int64_t end);
/* Where a language has what a source is: paths as sl_json_at takes them, the first that leads to a text. */
#define SL_SOURCE_PATHS_MAX 3
struct sl_source_paths {
    const char *url[SL_SOURCE_PATHS_MAX], *title[SL_SOURCE_PATHS_MAX]; /* NULL: no more */
};
/* All of a list, or one that stands alone, for one place. False: some have no address on the web, or there are too
 * many. */
bool sl_sources_add_all(struct sl_sources *sources, struct sl_json_val list, const struct sl_source_paths *paths,
                        int64_t start, int64_t end);
/* The list goes to *ret, which stays as it is where nothing was added. SL_E_NOMEM. */
SL_MUST int sl_sources_end(struct sl_sources *sources, struct sl_arena *arena, struct sl_str *ret);

/* All of that for one list. Without memory the reading's status says so. False as above. */
bool sl_sources_read(struct sl_reading *rd, struct sl_json_val list, const struct sl_source_paths *paths, int64_t start,
                     int64_t end, struct sl_str *ret);

/* What a text's sources are in both words, as a block and a delta have them. */
struct sl_cited {
    struct sl_str annotations, quotes;
    bool has_more_quotes;
};

/* --- and read again, by languages that have other words for them --- */

struct sl_citation {
    struct sl_json_val url, title; /* title: perhaps no text */
    int64_t start, end;            /* characters of the choice's text; -1: not said */
};

/* Over a block's or a delta's `annotations`; ended by sl_citations_done, whatever came of it. */
struct sl_citations {
    struct sl_json doc;
    struct sl_json_iter it;
};

void sl_citations_begin(struct sl_citations *citations, struct sl_str annotations);
/* Those of the web; others are passed over. */
bool sl_citations_next(struct sl_citations *citations, struct sl_citation *ret);
void sl_citations_done(struct sl_citations *citations);

#endif
