/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the provider openai into both dialects: whole and cut, the result is the same, and only events of JSON.
 * The first byte is the size of the pieces; its highest bit is the dialect. */
#include "llm_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return llm_fuzz_stream_entry("openai", SL_LLM_CHAT, data, size);
}
