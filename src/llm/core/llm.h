/* SPDX-License-Identifier: Apache-2.0 */
/* Includes all types that a translator needs: a call, its reply, the deltas of a stream, usage, errors, and a provider.
 * language.h says how a client or an upstream speaks.
 *
 * Everything here is pure: no I/O, no clock, no globals. Time, randomness and credentials come with the call; memory
 * comes from the given arena. */
#ifndef SL_LLM_LLM_H
#define SL_LLM_LLM_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/opt.h"
#include "json/scan.h"
#include "llm/core/call.h"
#include "llm/core/error.h"
#include "llm/core/frame.h"
#include "llm/core/http_req.h"
#include "llm/core/provider.h"
#include "llm/core/reply.h"
#include "llm/core/target.h"

#endif
