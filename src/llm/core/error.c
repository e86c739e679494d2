/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/error.h"

static const struct {
    const char *word;
    int status;
} types[SL_ERR_COUNT] = { [SL_ERR_NONE] = { "", 0 },
#define X(symbol, word_, status_) [SL_ERR_##symbol] = { word_, status_ },
                          SL_ERROR_TYPES(X)
#undef X
};

const char *sl_error_type_word(enum sl_error_type type)
{
    SL_ASSERT(type < SL_ERR_COUNT);
    return types[type].word;
}

int sl_error_type_status(enum sl_error_type type)
{
    SL_ASSERT(type < SL_ERR_COUNT);
    return types[type].status;
}

bool sl_error_type_is_upstream(enum sl_error_type type)
{
    return sl_str_has_prefix(sl_str_c(sl_error_type_word(type)), SL_STR("provider_"));
}

void sl_error_hide(struct sl_llm_error *io_error)
{
    if (io_error->type != SL_ERR_PROVIDER_AUTH_FAILED) {
        return;
    }
    io_error->message = SL_STR("The upstream provider refused this gateway's credential; the gateway's operator must "
                               "correct it. Your own key is not at fault.");
    io_error->code = SL_STR_NONE;
    io_error->param = SL_STR_NONE;
    io_error->upstream_status = 0;
}

int sl_error_status(const struct sl_llm_error *error)
{
    if (error->type == SL_ERR_CALLER_UNSUPPORTED && error->status == 0) {
        return 400;
    }
    if (error->type == SL_ERR_PROVIDER_AUTH_FAILED || error->type == SL_ERR_PROVIDER_BILLING) {
        return 502;
    }
    if (error->upstream_status >= 400) {
        return error->upstream_status;
    }
    return error->status ? error->status : sl_error_type_status(error->type);
}
