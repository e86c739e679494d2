/* SPDX-License-Identifier: Apache-2.0 */
/* Images and files: misspelt types are corrected, and types that the provider does not take are refused. */
#ifndef SL_LLM_FORM_MEDIA_H
#define SL_LLM_FORM_MEDIA_H

#include "llm/form/rules.h"

SL_MUST int sl_form_media(struct sl_form *form, struct sl_chat *chat);

#endif
