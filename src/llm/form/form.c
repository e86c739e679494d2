/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/form_priv.h"

int sl_form_call(struct sl_form *form, struct sl_chat *chat)
{
    int r = sl_form_media(form, chat); /* before messages move: paths are of the call as it came */
    r = r < 0 ? r : sl_form_names(form, chat);
    r = r < 0 ? r : sl_form_shape(form, chat); /* ids on the way */
    if (r == 0 && chat->user.p) {
        chat->user = sl_form_person(form, chat->user);
        r = chat->user.p ? 0 : SL_E_NOMEM;
    }
    return r;
}
