// The part of the CUDA driver API that lac uses, found in libcuda.so.1 at run time: no toolkit header, no link-time library.
// Declarations follow the CUDA Driver API reference; names of symbols carry the version suffix of their 64-bit ABI.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>

namespace lac {

using CUresult = int;
using CUdevice = int;
/// Addresses of device memory. The hardware uses 57 bits at most and drivers hand out less than 2^49, so that JavaScript
/// numbers hold them exactly.
using CUdeviceptr = std::uint64_t;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphNode = struct CUgraphNode_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUhostFn = void (*)(void*);

constexpr CUresult CUDA_SUCCESS = 0;
constexpr unsigned CU_STREAM_NON_BLOCKING = 1;
constexpr unsigned CU_EVENT_DEFAULT = 0;
constexpr unsigned CU_EVENT_DISABLE_TIMING = 2;

/// CUDA_KERNEL_NODE_PARAMS_v1.
struct KernelNodeParams {
  CUfunction function;
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  void** params;
  void** extra;
};

enum DeviceAttribute {
  MAX_THREADS_PER_BLOCK = 1,
  MAX_GRID_DIM_X = 5,
  WARP_SIZE = 10,
  CLOCK_RATE_KHZ = 13,
  MULTIPROCESSOR_COUNT = 16,
  L2_CACHE_BYTES = 38,
  COMPUTE_CAPABILITY_MAJOR = 75,
  COMPUTE_CAPABILITY_MINOR = 76,
  MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
};

enum FunctionAttribute {
  FUNCTION_MAX_THREADS = 0,
  FUNCTION_STATIC_SHARED_BYTES = 1,
  FUNCTION_LOCAL_BYTES = 3,
  FUNCTION_REGISTERS = 4,
  FUNCTION_MAX_DYNAMIC_SHARED_BYTES = 8,
  FUNCTION_SHARED_CARVEOUT_PERCENT = 9,
};

enum JitOption {
  JIT_INFO_LOG_BUFFER = 3,
  JIT_INFO_LOG_BUFFER_SIZE_BYTES = 4,
  JIT_ERROR_LOG_BUFFER = 5,
  JIT_ERROR_LOG_BUFFER_SIZE_BYTES = 6,
  JIT_LOG_VERBOSE = 12,
  JIT_GENERATE_LINE_INFO = 13,
};

// name in this code, symbol, parameters
#define LAC_CUDA_FUNCTIONS(X)                                                                                          \
  X(init, "cuInit", (unsigned flags))                                                                                  \
  X(driverGetVersion, "cuDriverGetVersion", (int* version))                                                            \
  X(getErrorName, "cuGetErrorName", (CUresult, const char** name))                                                     \
  X(getErrorString, "cuGetErrorString", (CUresult, const char** text))                                                 \
  X(deviceGetCount, "cuDeviceGetCount", (int* count))                                                                  \
  X(deviceGet, "cuDeviceGet", (CUdevice*, int ordinal))                                                                \
  X(deviceGetName, "cuDeviceGetName", (char* name, int bytes, CUdevice))                                               \
  X(deviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, CUdevice))                                 \
  X(deviceTotalMem, "cuDeviceTotalMem_v2", (std::size_t* bytes, CUdevice))                                             \
  X(ctxCreate, "cuCtxCreate_v2", (CUcontext*, unsigned flags, CUdevice))                                               \
  X(ctxDestroy, "cuCtxDestroy_v2", (CUcontext))                                                                        \
  X(ctxSetCurrent, "cuCtxSetCurrent", (CUcontext))                                                                     \
  X(streamCreate, "cuStreamCreate", (CUstream*, unsigned flags))                                                       \
  X(streamSynchronize, "cuStreamSynchronize", (CUstream))                                                              \
  X(launchHostFunc, "cuLaunchHostFunc", (CUstream, CUhostFn, void* data))                                              \
  X(eventCreate, "cuEventCreate", (CUevent*, unsigned flags))                                                          \
  X(eventDestroy, "cuEventDestroy_v2", (CUevent))                                                                      \
  X(eventRecord, "cuEventRecord", (CUevent, CUstream))                                                                 \
  X(eventSynchronize, "cuEventSynchronize", (CUevent))                                                                 \
  X(eventElapsedTime, "cuEventElapsedTime", (float* ms, CUevent from, CUevent to))                                     \
  X(memGetInfo, "cuMemGetInfo_v2", (std::size_t* free, std::size_t* total))                                            \
  X(memAlloc, "cuMemAlloc_v2", (CUdeviceptr*, std::size_t bytes))                                                      \
  X(memFree, "cuMemFree_v2", (CUdeviceptr))                                                                            \
  X(memHostAlloc, "cuMemHostAlloc", (void**, std::size_t bytes, unsigned flags))                                       \
  X(memFreeHost, "cuMemFreeHost", (void*))                                                                             \
  X(memcpyHtoDAsync, "cuMemcpyHtoDAsync_v2", (CUdeviceptr to, const void* from, std::size_t bytes, CUstream))          \
  X(memcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void* to, CUdeviceptr from, std::size_t bytes, CUstream))                \
  X(memsetD16Async, "cuMemsetD16Async", (CUdeviceptr, unsigned short value, std::size_t count, CUstream))              \
  X(memsetD32Async, "cuMemsetD32Async", (CUdeviceptr, unsigned value, std::size_t count, CUstream))                    \
  X(moduleLoadDataEx, "cuModuleLoadDataEx",                                                                            \
    (CUmodule*, const void* image, unsigned count, int* options, void** values))                                       \
  X(moduleUnload, "cuModuleUnload", (CUmodule))                                                                        \
  X(moduleGetFunction, "cuModuleGetFunction", (CUfunction*, CUmodule, const char* name))                               \
  X(funcGetAttribute, "cuFuncGetAttribute", (int* value, int attribute, CUfunction))                                   \
  X(funcSetAttribute, "cuFuncSetAttribute", (CUfunction, int attribute, int value))                                    \
  X(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor",                                                          \
    (int* blocks, CUfunction, int threads, std::size_t dynamicSharedBytes))                                            \
  X(launchKernel, "cuLaunchKernel",                                                                                    \
    (CUfunction, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX, unsigned blockY, unsigned blockZ,    \
     unsigned sharedBytes, CUstream, void** params, void** extra))                                                     \
  X(graphCreate, "cuGraphCreate", (CUgraph*, unsigned flags))                                                          \
  X(graphDestroy, "cuGraphDestroy", (CUgraph))                                                                         \
  X(graphAddKernelNode, "cuGraphAddKernelNode",                                                                        \
    (CUgraphNode*, CUgraph, const CUgraphNode* after, std::size_t count, const KernelNodeParams*))                     \
  X(graphInstantiate, "cuGraphInstantiateWithFlags", (CUgraphExec*, CUgraph, unsigned long long flags))                \
  X(graphExecKernelNodeSetParams, "cuGraphExecKernelNodeSetParams",                                                    \
    (CUgraphExec, CUgraphNode, const KernelNodeParams*))                                                               \
  X(graphLaunch, "cuGraphLaunch", (CUgraphExec, CUstream))                                                             \
  X(graphExecDestroy, "cuGraphExecDestroy", (CUgraphExec))

/// What the driver refused, or what a kernel did that ended its context.
struct CudaFailure : std::exception {
  CUresult result;
  std::string call;
  std::string name;
  std::string text;
  /// What the driver's compiler said, for errors of a load.
  std::string log;
  const char* what() const noexcept override { return name.c_str(); }
};

/// The library does not load, or lacks a function.
struct LibraryFailure : std::exception {
  std::string message;
  explicit LibraryFailure(std::string text) : message(std::move(text)) {}
  const char* what() const noexcept override { return message.c_str(); }
};

struct Driver {
#define LAC_DECLARE(member, symbol, parameters) CUresult(*member) parameters = nullptr;
  LAC_CUDA_FUNCTIONS(LAC_DECLARE)
#undef LAC_DECLARE

  /// Throws a CudaFailure for any result but CUDA_SUCCESS.
  void check(CUresult result, const char* call) const;
  /// Value of a device attribute.
  int attribute(DeviceAttribute, CUdevice) const;
};

/// Loads the library for the life of the process and calls cuInit. Throws LibraryFailure or CudaFailure.
std::shared_ptr<const Driver> loadDriver(const std::string& library);

}  // namespace lac
