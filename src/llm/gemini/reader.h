/* SPDX-License-Identifier: Apache-2.0 */
/* A client's call that is being read. */
#ifndef SL_LLM_GEMINI_READER_H
#define SL_LLM_GEMINI_READER_H

#include "llm/chat/reader.h"

/* What read_call notes in call->noted. */
#define SL_GEMINI_BATCH    SL_BIT(0) /* batchEmbedContents */
#define SL_GEMINI_THOUGHTS SL_BIT(1) /* the client wants to see thoughts */
#define SL_GEMINI_NAMED    SL_BIT(2) /* the body names a model too */
#define SL_GEMINI_WORD     SL_BIT(3) /* the answer is one word of a list, without quotes */

#define SL_GEMINI_ENUM_TYPE "text/x.enum"

/* Parts of turns that have no place in a canonical call: they are named in x-sluice-dropped. */
enum sl_gemini_left {
    SL_GEMINI_LEFT_CODE,       /* code that Google ran, and its result */
    SL_GEMINI_LEFT_SERVER,     /* calls of Google's own tools */
    SL_GEMINI_LEFT_MEDIA,      /* images that a model made */
    SL_GEMINI_LEFT_VIDEO,      /* which part of a film is meant */
    SL_GEMINI_LEFT_RESOLUTION, /* the resolution of media */
    SL_GEMINI_LEFT_COUNT
};

struct sl_gemini_calls;

struct sl_gemini_reader {
    struct sl_chat_reader rd;
    struct sl_json_val left[SL_GEMINI_LEFT_COUNT]; /* the first of each kind */
    struct sl_gemini_calls *calls;                 /* read_results.h */
};

#endif
