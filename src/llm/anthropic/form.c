/* SPDX-License-Identifier: Apache-2.0 */
/* What the Messages API refuses for its form; what each model can do is in data/models/anthropic.yaml. */
#include "llm/anthropic/anthropic.h"

static const char *const images[] = { "image/jpeg", "image/png", "image/gif", "image/webp", NULL };
static const char *const files[] = { "application/pdf", "text/", NULL };

static const struct sl_form_media media = {
    .images = images,
    .files = files,
    .schemes = SL_URL_HTTPS,
    .image_max = 5 << 20,
};

const struct sl_form_rules sl_anthropic_form = {
    .label = "Anthropic",
    .ids = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .names = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .shape = SL_SHAPE_NO_EMPTY | SL_SHAPE_NO_BLANK | SL_SHAPE_SYSTEM_APART | SL_SHAPE_NEEDS_TURN | SL_SHAPE_RESULTS |
             SL_SHAPE_TRIM_PREFILL,
    .media = &media,
    .person = { .is_guarded = true, .max = 256 },
};
