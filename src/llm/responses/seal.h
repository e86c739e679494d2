/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and encrypted thoughts of other providers travel in the `encrypted_content` of a reasoning item: clients
 * keep that and send it back. It begins with a word for its kind, so that nothing of OpenAI's own is taken for it. */
#ifndef SL_LLM_RESPONSES_SEAL_H
#define SL_LLM_RESPONSES_SEAL_H

#define SL_SEAL_THOUGHT "sl1.thought." /* the signature of the item's own text */
#define SL_SEAL_CLOSED  "sl1.closed."  /* thoughts in a form that only the provider can read */
#define SL_SEAL_CALL    "sl1.call."    /* the signature of the call behind it */
#define SL_SEAL_TEXT    "sl1.text."    /* the signature of the text before it */

#endif
