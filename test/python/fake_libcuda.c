/* As much of a CUDA driver as python/lac_torch.py calls, without a GPU: memory is the host's, a launch runs at once, and
   the one kernel is known by its name. It insists on what the real one insists on: a current context, terminated PTX. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int context, current, module, function, shared_limit = 49152;

int cuInit(unsigned flags) { return flags == 0 ? 0 : 1; }
int cuDeviceGet(int* device, int ordinal) { return *device = ordinal, ordinal == 0 ? 0 : 101; }
int cuDevicePrimaryCtxRetain(void** out, int device) { return *out = &context, device == 0 ? 0 : 101; }
int cuCtxPushCurrent_v2(void* c) { return c == &context ? (current++, 0) : 201; }
int cuCtxPopCurrent_v2(void** c) { return *c = &context, current-- > 0 ? 0 : 201; }
int cuDeviceGetAttribute(int* value, int attribute, int device) {
  *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 97 ? 232448 : attribute == 1 ? 1024 : -1;
  return device == 0 ? 0 : 101;
}
int cuGetErrorName(int result, const char** name) {
  return *name = result == 218 ? "CUDA_ERROR_INVALID_PTX" : "CUDA_ERROR_OTHER", 0;
}
int cuGetErrorString(int result, const char** text) { return *text = "what it means", result < 0; }

int cuModuleLoadDataEx(void** out, const char* text, unsigned n, const int* options, void** values) {
  if (current == 0) return 201;
  if (strstr(text, "nonsense") != NULL) {
    for (unsigned i = 0; i < n; i++)
      if (options[i] == 5) snprintf(values[i], (uintptr_t)values[1 - i], "line 3: parsing error near 'nonsense'");
    return 218;
  }
  return *out = &module, 0;
}
int cuModuleGetFunction(void** out, void* m, const char* name) {
  return *out = &function, m == &module && strcmp(name, "axpy") == 0 ? 0 : 500;
}
int cuFuncSetAttribute(void* f, int attribute, int value) {
  return shared_limit = value, f == &function && attribute == 8 ? 0 : 1;
}
int cuFuncGetAttribute(int* value, int attribute, void* f) { return *value = 100 + attribute, f == &function ? 0 : 1; }

/* y[i] += a * x[i] for i < n; bindings x, y; block {n, a}. The stream has to be the number 77. */
int cuLaunchKernel(void* f, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty, unsigned tz, unsigned shared,
                   void* stream, void** params, void** extra) {
  if (current == 0 || f != &function || y * z * ty * tz != 1 || extra != NULL) return 1;
  if ((uintptr_t)stream != 77 || (int)shared > shared_limit) return 1;
  const float* from = *(float**)params[0];
  float* to = *(float**)params[1];
  int32_t n;
  float a;
  memcpy(&n, params[2], 4);
  memcpy(&a, (char*)params[2] + 4, 4);
  for (int64_t i = 0; i < (int64_t)x * tx && i < n; i++) to[i] += a * from[i];
  return 0;
}
