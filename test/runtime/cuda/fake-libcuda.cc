// A CUDA driver without a GPU: memory is the host's, a stream is a thread, and kernels are known by their names. Tests of
// the addon load it in the place of libcuda.so.1.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using Result = int;
enum : Result {
  OK = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  INVALID_DEVICE = 101,
  INVALID_CONTEXT = 201,
  INVALID_PTX = 218,
  UNSUPPORTED_PTX_VERSION = 222,
  NOT_FOUND = 500,
  ILLEGAL_ADDRESS = 700,
};

constexpr std::size_t MEMORY = std::size_t{256} << 20;
std::mutex memoryMutex;
std::size_t used = 0;

struct Stream {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> jobs;
  bool busy = false;
  Stream() {
    std::thread([this] {
      std::unique_lock<std::mutex> lock(mutex);
      for (;;) {
        changed.wait(lock, [this] { return !jobs.empty(); });
        auto job = std::move(jobs.front());
        jobs.pop_front();
        busy = true;
        lock.unlock();
        job();
        lock.lock();
        busy = false;
        changed.notify_all();
      }
    }).detach();
  }
  void add(std::function<void()> job) {
    const std::lock_guard<std::mutex> lock(mutex);
    jobs.push_back(std::move(job));
    changed.notify_all();
  }
  void drain() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return jobs.empty() && !busy; });
  }
};

struct Context {
  Result fault = OK;
  Stream stream;
  std::map<void*, std::size_t> memory;
};

struct Event {
  std::mutex mutex;
  std::condition_variable changed;
  int pending = 0;
  double ms = 0;
};

struct Module {
  std::string text;
};

struct Function {
  std::string name;
};

thread_local Context* current = nullptr;

/// A fault ends its context; a new one works once those that met a fault are gone.
std::atomic<int> faulted{0};
/// With FAKE_CUDA_UNFORGIVING it ends all contexts, those to come too, as the driver's manual says.
std::atomic<bool> unforgiven{false};

bool ended() { return unforgiven && std::getenv("FAKE_CUDA_UNFORGIVING") != nullptr; }

void fault(Context& context, Result result) {
  if (context.fault == OK) faulted++;
  context.fault = result;
  unforgiven = std::getenv("FAKE_CUDA_UNFORGIVING") != nullptr;
}

double now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_nsec);
}

/// What every call on a context returns first: the fault that ended it, if any.
#define LIVE()                               \
  if (current == nullptr) return INVALID_CONTEXT; \
  if (ended()) return ILLEGAL_ADDRESS;       \
  if (current->fault != OK) return current->fault

void add(const std::uint8_t* block, unsigned threads) {
  std::uint64_t x, y, z;
  std::int32_t n;
  float scale;
  std::memcpy(&x, block, 8);
  std::memcpy(&y, block + 8, 8);
  std::memcpy(&z, block + 16, 8);
  std::memcpy(&n, block + 24, 4);
  std::memcpy(&scale, block + 28, 4);
  for (unsigned i = 0; i < threads && static_cast<int>(i) < n; i++)
    reinterpret_cast<float*>(z)[i] = scale * reinterpret_cast<float*>(x)[i] + reinterpret_cast<float*>(y)[i];
}

}  // namespace

extern "C" {

/// FAKE_CUDA_STARTED names a file for the settings of the driver's cache, which are read here.
Result cuInit(unsigned) {
  const auto variable = [](const char* name) { return std::string(std::getenv(name) ? std::getenv(name) : "unset"); };
  if (std::getenv("FAKE_CUDA_STARTED"))
    std::ofstream(std::getenv("FAKE_CUDA_STARTED")) << variable("CUDA_CACHE_PATH") << "\n" << variable("CUDA_CACHE_MAXSIZE");
  return std::getenv("FAKE_CUDA_NO_DEVICE") ? 100 : OK;
}
Result cuDriverGetVersion(int* version) { return *version = 12040, OK; }
Result cuDeviceGetCount(int* count) { return *count = 2, OK; }
Result cuDeviceGet(int* device, int ordinal) { return *device = ordinal, ordinal < 2 ? OK : INVALID_DEVICE; }
Result cuDeviceGetName(char* name, int bytes, int device) { return std::snprintf(name, bytes, "Fake GPU %d", device), OK; }
Result cuDeviceTotalMem_v2(std::size_t* bytes, int) { return *bytes = MEMORY, OK; }

Result cuGetErrorName(Result result, const char** name) {
  switch (result) {
    case OUT_OF_MEMORY: return *name = "CUDA_ERROR_OUT_OF_MEMORY", OK;
    case 100: return *name = "CUDA_ERROR_NO_DEVICE", OK;
    case INVALID_PTX: return *name = "CUDA_ERROR_INVALID_PTX", OK;
    case UNSUPPORTED_PTX_VERSION: return *name = "CUDA_ERROR_UNSUPPORTED_PTX_VERSION", OK;
    case ILLEGAL_ADDRESS: return *name = "CUDA_ERROR_ILLEGAL_ADDRESS", OK;
    default: return INVALID_VALUE;
  }
}
Result cuGetErrorString(Result, const char** text) { return *text = "what it means", OK; }

Result cuDeviceGetAttribute(int* value, int attribute, int) {
  const std::map<int, int> values = {{1, 1024}, {5, 2147483647}, {10, 32}, {13, 1500000}, {16, 4},
                                     {38, 1 << 20}, {75, 8}, {76, 0}, {97, 166912}};
  return *value = values.at(attribute), OK;
}

Result cuCtxCreate_v2(Context** context, unsigned, int) {
  if (ended() || faulted > 0) return ILLEGAL_ADDRESS;
  return *context = current = new Context, OK;
}
Result cuCtxSetCurrent(Context* context) { return current = context, OK; }
/// Leaks the context itself: its stream's thread may be running.
Result cuCtxDestroy_v2(Context* context) {
  if (context->fault == OK) context->stream.drain();
  if (context->fault == ILLEGAL_ADDRESS) faulted--;
  const std::lock_guard<std::mutex> lock(memoryMutex);
  for (const auto& [address, bytes] : context->memory) std::free(address), used -= bytes;
  context->memory.clear();
  return context->fault = INVALID_CONTEXT, OK;
}

Result cuStreamCreate(Stream** stream, unsigned) { return *stream = &current->stream, OK; }
Result cuStreamSynchronize(Stream* stream) {
  LIVE();
  stream->drain();
  LIVE();
  return OK;
}
Result cuLaunchHostFunc(Stream* stream, void (*f)(void*), void* data) {
  LIVE();
  return stream->add([=] { f(data); }), OK;
}

Result cuEventCreate(Event** event, unsigned) { return *event = new Event, OK; }
Result cuEventDestroy_v2(Event*) { return OK; }
Result cuEventRecord(Event* event, Stream* stream) {
  LIVE();
  {
    const std::lock_guard<std::mutex> lock(event->mutex);
    event->pending++;
  }
  stream->add([=] {
    const std::lock_guard<std::mutex> lock(event->mutex);
    event->pending--;
    event->ms = now();
    event->changed.notify_all();
  });
  return OK;
}
Result cuEventSynchronize(Event* event) {
  std::unique_lock<std::mutex> lock(event->mutex);
  event->changed.wait(lock, [=] { return event->pending == 0; });
  LIVE();
  return OK;
}
Result cuEventElapsedTime(float* ms, Event* from, Event* to) {
  LIVE();
  return *ms = static_cast<float>(to->ms - from->ms), OK;
}

Result cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  LIVE();
  return *free = MEMORY - used, *total = MEMORY, OK;
}
Result cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  LIVE();
  const std::lock_guard<std::mutex> lock(memoryMutex);
  if (used + bytes > MEMORY) return OUT_OF_MEMORY;
  void* memory = std::aligned_alloc(512, (bytes + 511) / 512 * 512);
  current->memory[memory] = bytes;
  used += bytes;
  return *address = reinterpret_cast<std::uint64_t>(memory), OK;
}
Result cuMemFree_v2(std::uint64_t address) {
  LIVE();
  current->stream.drain();
  const std::lock_guard<std::mutex> lock(memoryMutex);
  const auto at = current->memory.find(reinterpret_cast<void*>(address));
  if (at == current->memory.end()) return INVALID_VALUE;
  used -= at->second;
  std::free(at->first);
  current->memory.erase(at);
  return OK;
}
Result cuMemHostAlloc(void** memory, std::size_t bytes, unsigned) { return *memory = std::malloc(bytes), OK; }
Result cuMemFreeHost(void* memory) { return std::free(memory), OK; }

Result cuMemcpyHtoDAsync_v2(std::uint64_t to, const void* from, std::size_t bytes, Stream* stream) {
  LIVE();
  return stream->add([=] { std::memcpy(reinterpret_cast<void*>(to), from, bytes); }), OK;
}
Result cuMemcpyDtoHAsync_v2(void* to, std::uint64_t from, std::size_t bytes, Stream* stream) {
  LIVE();
  return stream->add([=] { std::memcpy(to, reinterpret_cast<void*>(from), bytes); }), OK;
}
Result cuMemsetD16Async(std::uint64_t to, unsigned short value, std::size_t count, Stream* stream) {
  LIVE();
  return stream->add([=] { std::fill_n(reinterpret_cast<unsigned short*>(to), count, value); }), OK;
}
Result cuMemsetD32Async(std::uint64_t to, unsigned value, std::size_t count, Stream* stream) {
  LIVE();
  return stream->add([=] { std::fill_n(reinterpret_cast<unsigned*>(to), count, value); }), OK;
}

Result cuModuleLoadDataEx(Module** module, const void* image, unsigned count, int* options, void** values) {
  LIVE();
  const std::string text(static_cast<const char*>(image));
  std::map<int, void*> given;
  for (unsigned i = 0; i < count; i++) given[options[i]] = values[i];
  if (text.find("nonsense") != std::string::npos) {
    std::strcpy(static_cast<char*>(given.at(5)), "ptxas lac.ptx, line 3; error: Parsing error near 'nonsense'");
    return INVALID_PTX;
  }
  if (text.find("slow") != std::string::npos) usleep(300'000);
  if (text.find(".version 9.9") != std::string::npos) return UNSUPPORTED_PTX_VERSION;
  LIVE();
  std::strcpy(static_cast<char*>(given.at(3)), given.count(13) > 0 ? "compiled with lines" : "compiled");
  return *module = new Module{text}, OK;
}
Result cuModuleUnload(Module* module) { return delete module, OK; }
Result cuModuleGetFunction(Function** function, Module* module, const char* name) {
  if (module->text.find(".entry " + std::string(name)) == std::string::npos) return NOT_FOUND;
  return *function = new Function{name}, OK;
}
Result cuFuncGetAttribute(int* value, int attribute, Function*) {
  const std::map<int, int> values = {{0, 512}, {1, 64}, {3, 8}, {4, 40}};
  return *value = values.at(attribute), OK;
}
Result cuFuncSetAttribute(Function*, int, int value) { return value <= 166912 ? OK : INVALID_VALUE; }
Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Function*, int threads, std::size_t) {
  return *blocks = 2048 / threads, OK;
}

Result cuLaunchKernel(Function* function, unsigned programs, unsigned, unsigned, unsigned threads, unsigned, unsigned,
                      unsigned, Stream* stream, void**, void** extra) {
  LIVE();
  Context* context = current;
  std::vector<std::uint8_t> block;
  if (extra != nullptr) {
    const auto* begin = static_cast<const std::uint8_t*>(extra[1]);
    block.assign(begin, begin + *static_cast<std::size_t*>(extra[3]));
  }
  stream->add([=] {
    if (context->fault != OK) return;
    if (function->name == "add") add(block.data(), programs * threads);
    if (function->name == "stray") fault(*context, ILLEGAL_ADDRESS);
    // By itself, or as the compiler names a kernel.
    if (function->name == "endless" || function->name == "lac_endless") for (;;) sleep(1);
  });
  return OK;
}

/// A graph is a list of launches; an executable one is a copy, whose launches copy it again.
struct KernelNodeParams {
  Function* function;
  unsigned gridX, gridY, gridZ, blockX, blockY, blockZ, sharedBytes;
  void** params;
  void** extra;
};
struct Node {
  Function* function;
  unsigned programs, threads;
  std::vector<std::uint8_t> block;
};
using Graph = std::vector<Node>;

Node nodeOf(const KernelNodeParams& p) {
  Node node{p.function, p.gridX, p.blockX, {}};
  if (p.extra != nullptr) {
    const auto* begin = static_cast<const std::uint8_t*>(p.extra[1]);
    node.block.assign(begin, begin + *static_cast<std::size_t*>(p.extra[3]));
  }
  return node;
}

/// FAKE_CUDA_GRAPHS names a file that gets a line for every graph that is built, changed or launched.
void graphLog(const char* what) {
  if (std::getenv("FAKE_CUDA_GRAPHS")) std::ofstream(std::getenv("FAKE_CUDA_GRAPHS"), std::ios::app) << what << "\n";
}

Result cuGraphCreate(Graph** graph, unsigned) { return *graph = new Graph, OK; }
Result cuGraphDestroy(Graph* graph) { return delete graph, OK; }
/// A node is known by its number from 1 on; every one has to come after the one before it.
Result cuGraphAddKernelNode(std::size_t* node, Graph* graph, const std::size_t* after, std::size_t count,
                            const KernelNodeParams* params) {
  LIVE();
  if (count != (graph->empty() ? 0 : 1) || (count == 1 && *after != graph->size())) return INVALID_VALUE;
  graph->push_back(nodeOf(*params));
  return *node = graph->size(), OK;
}
Result cuGraphInstantiateWithFlags(Graph** exec, Graph* graph, unsigned long long) {
  LIVE();
  graphLog("built");
  return *exec = new Graph(*graph), OK;
}
Result cuGraphExecDestroy(Graph* exec) { return delete exec, OK; }
Result cuGraphExecKernelNodeSetParams(Graph* exec, std::size_t node, const KernelNodeParams* params) {
  LIVE();
  graphLog("changed");
  return exec->at(node - 1) = nodeOf(*params), OK;
}
Result cuGraphLaunch(Graph* exec, Stream* stream) {
  LIVE();
  graphLog("launched");
  for (Node& node : *exec) {
    std::size_t bytes = node.block.size();
    void* extra[] = {nullptr, node.block.data(), nullptr, &bytes, nullptr};
    cuLaunchKernel(node.function, node.programs, 1, 1, node.threads, 1, 1, 0, stream, nullptr, extra);
  }
  return OK;
}

}  // extern "C"
