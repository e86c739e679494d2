/* SPDX-License-Identifier: Apache-2.0 */
/* The last failure of each target, for whoever asks what is wrong with a provider. Only a failed attempt costs
 * anything. Any thread. */
#ifndef SL_GATE_FAULTS_H
#define SL_GATE_FAULTS_H

#include "base/err.h"
#include "base/str.h"
#include "llm/core/error.h"

/* So many targets are known, at least a quarter of them whatever their names are; beyond it the oldest failures are
 * forgotten. */
#define SL_FAULTS_MAX 1024
#define SL_FAULT_TEXT 240

struct sl_fault {
    uint64_t at_wall_usec;
    enum sl_error_type type;
    int status;               /* the upstream's; 0: it sent none */
    uint64_t n;               /* failures since the start, as far as they are remembered */
    char text[SL_FAULT_TEXT]; /* for the operator; cut, and without credentials */
};

struct sl_faults;

SL_MUST int sl_faults_new(struct sl_faults **ret);
void sl_faults_free(struct sl_faults *faults);
/* `fault->n` is not looked at. Without memory nothing is kept. `target` as in sl_route_target_name. */
void sl_faults_note(struct sl_faults *faults, struct sl_str route, struct sl_str target, const struct sl_fault *fault);
/* False: none is known. */
bool sl_faults_find(struct sl_faults *faults, struct sl_str route, struct sl_str target, struct sl_fault *ret);

#endif
