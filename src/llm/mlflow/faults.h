/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in a body: faults in pydantic's form and order,
 *   {"type":…,"loc":[…],"msg":…,"input":…,"ctx":…}
 * and coercions ("2" for a number, 2.0 for an integer, "yes" for a boolean), which become edits of the body. */
#ifndef SL_LLM_MLFLOW_FAULTS_H
#define SL_LLM_MLFLOW_FAULTS_H

#include "llm/core/llm.h"

#define SL_MF_LOC_MAX 24
/* The list of faults is cut at the first size; an echoed input larger than the second is null. */
#define SL_MF_DETAIL_MAX 262144
#define SL_MF_INPUT_MAX  16384

struct sl_mf_loc {
    struct sl_str name;
    uint32_t index; /* when name.p == NULL */
};

struct sl_mf_check {
    struct sl_arena *arena;
    struct sl_buf out; /* the faults, without the list's brackets */
    bool is_dry;       /* only count */
    uint32_t n_faults;
    uint32_t n_coercions;
    struct sl_mf_loc loc[SL_MF_LOC_MAX];
    unsigned n_loc;
    struct sl_json_edit *edits; /* coercions, in the order they were found */
    uint32_t n_edits, cap_edits;
    int status; /* sticky: SL_E_NOMEM */
};

void sl_mf_check_init(struct sl_mf_check *check, struct sl_arena *arena);
void sl_mf_check_done(struct sl_mf_check *check);

/* Adds a fault at the current place. `msg` is plain text; `input` and `ctx` are compact JSON; ctx NULL: none. */
void sl_mf_fault(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_str input,
                 struct sl_str ctx);
/* The same for a value, which is echoed. */
void sl_mf_fault_at(struct sl_mf_check *check, const char *type, struct sl_str msg, struct sl_json_val input,
                    struct sl_str ctx);
void sl_mf_push_name(struct sl_mf_check *check, struct sl_str name);
void sl_mf_push_index(struct sl_mf_check *check, uint32_t index);
void sl_mf_pop(struct sl_mf_check *check);
/* Replaces `v` by `json` in the body that goes up; copies nothing. */
void sl_mf_coerce(struct sl_mf_check *check, struct sl_json_val v, struct sl_str json);
void sl_mf_insert(struct sl_mf_check *check, struct sl_json_val object, struct sl_str json);

#endif
