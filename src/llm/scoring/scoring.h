/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's model server: it takes {"inputs": […], "params": {…}} and answers {"predictions": …}. It has no streams and
 * no counts. */
#ifndef SL_LLM_SCORING_H
#define SL_LLM_SCORING_H

/* The provider sets the request's path; its configuration begins with struct sl_openai_conf. */
extern const struct sl_language sl_language_scoring;

#endif
