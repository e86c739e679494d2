/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow 3's paths for clients of other APIs: each speaks the language of its API, and only errors are MLflow's. */
#include "llm/anthropic/anthropic.h"
#include "llm/dialects.h"
#include "llm/gemini/gemini.h"
#include "llm/mlflow/three.h"
#include "llm/openai/openai.h"
#include "llm/responses/responses.h"

static const struct sl_manners manners = {
    .refusal_status = 400,
    .has_fastapi_texts = true,
};

const struct sl_dialect sl_dialect_mlflow3_openai = {
    .name = "mlflow3_openai",
    .language = &sl_language_openai,
    .manners = &manners,
    SL_OF_MLFLOW3,
};

const struct sl_dialect sl_dialect_mlflow3_responses = {
    .name = "mlflow3_responses",
    .language = &sl_language_responses,
    .manners = &manners,
    SL_OF_MLFLOW3,
};

static const struct sl_str anthropic_headers[] = { SL_STR_INIT("anthropic-beta"), { 0 } };

const struct sl_dialect sl_dialect_mlflow3_anthropic = {
    .name = "mlflow3_anthropic",
    .language = &sl_language_anthropic,
    .manners = &manners,
    .own_headers = anthropic_headers,
    SL_OF_MLFLOW3,
};

const struct sl_dialect sl_dialect_mlflow3_gemini = {
    .name = "mlflow3_gemini",
    .language = &sl_language_gemini,
    .manners = &manners,
    .key_member = "key",
    SL_OF_MLFLOW3,
};
