/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's model server: {"inputs": […], "params": {…}} up, {"predictions": …} down. No streams and no counts. */
#ifndef SL_LLM_SCORING_H
#define SL_LLM_SCORING_H

/* The request's path is its provider's, whose configuration begins with struct sl_openai_conf. */
extern const struct sl_language sl_language_scoring;

#endif
