// SPDX-License-Identifier: MIT
#include <string.h>

#include <aci/aci_tcs.h>

#include "handlers.h"

#define ROW(name, since, until, types, constants, function, build, fold) \
	{ name, since, until, types, constants, function, build, fold },

static const struct onnx_operator operators[] = { ONNX_OPERATOR_TABLE(ROW) };

/* NULL: not supported; @known: in another opset version it is. */
const struct onnx_operator *onnx_operator_find(const char *name, int64_t opset, bool *known)
{
	*known = false;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		if (strcmp(operators[i].name, name))
			continue;
		*known = true;
		if (opset >= operators[i].since && opset <= operators[i].until)
			return &operators[i];
	}
	return NULL;
}
