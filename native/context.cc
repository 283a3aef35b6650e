#include "context.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace lac {

namespace {

constexpr std::size_t LOG_BYTES = 64 * 1024;
/// More dynamic shared memory than this has to be asked for (CUDA C++ Programming Guide, 16.7.3).
constexpr unsigned FREE_SHARED_BYTES = 48 * 1024;
/// Longest that a gate stays shut: a caller that forgets it must not hang the device.
constexpr auto GATE_LIMIT = std::chrono::seconds(2);

/// A parameter block as `extra` of a launch.
class Extra {
 public:
  Extra(void* params, std::size_t bytes) : bytes_(bytes), list_{POINTER, params, SIZE, &bytes_, nullptr} {}
  Extra(const Extra&) = delete;
  Extra& operator=(const Extra&) = delete;
  void** get() { return bytes_ > 0 ? list_ : nullptr; }

 private:
  // CU_LAUNCH_PARAM_BUFFER_POINTER, CU_LAUNCH_PARAM_BUFFER_SIZE; CU_LAUNCH_PARAM_END is null.
  static inline void* const POINTER = reinterpret_cast<void*>(1);
  static inline void* const SIZE = reinterpret_cast<void*>(2);
  std::size_t bytes_;
  void* list_[5];
};

KernelNodeParams nodeParams(const Step& step, Extra& extra) {
  const Kernel& kernel = *step.kernel;
  return {kernel.function, step.programs, 1, 1, kernel.threads, 1, 1, kernel.sharedBytes, nullptr, extra.get()};
}

void waitAtGate(void* data) {
  std::unique_ptr<std::shared_ptr<Gate>> gate(static_cast<std::shared_ptr<Gate>*>(data));
  std::unique_lock<std::mutex> lock((*gate)->mutex);
  (*gate)->changed.wait_for(lock, GATE_LIMIT, [&] { return (*gate)->open; });
}

}  // namespace

Staging::Staging(const Driver& driver, CUstream stream) : driver_(driver), stream_(stream) {
  for (Piece& piece : pieces_) {
    driver_.check(driver_.memHostAlloc(&piece.memory, PIECE_BYTES, 0), "cuMemHostAlloc");
    driver_.check(driver_.eventCreate(&piece.done, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }
}

void Staging::write(CUdeviceptr to, const std::uint8_t* from, std::size_t bytes) {
  for (std::size_t at = 0; at < bytes; at += PIECE_BYTES) {
    const std::size_t count = std::min(PIECE_BYTES, bytes - at);
    Piece& piece = pieces_[next_++ % pieces_.size()];
    driver_.check(driver_.eventSynchronize(piece.done), "cuEventSynchronize");
    std::memcpy(piece.memory, from + at, count);
    driver_.check(driver_.memcpyHtoDAsync(to + at, piece.memory, count, stream_), "cuMemcpyHtoDAsync");
    driver_.check(driver_.eventRecord(piece.done, stream_), "cuEventRecord");
  }
}

void Staging::read(std::uint8_t* to, CUdeviceptr from, std::size_t bytes) {
  const std::size_t count = (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
  const auto sizeOf = [&](std::size_t i) { return std::min(PIECE_BYTES, bytes - i * PIECE_BYTES); };
  for (std::size_t i = 0; i < count + 1; i++) {
    if (i < count) {
      Piece& piece = pieces_[i % 2];
      driver_.check(driver_.memcpyDtoHAsync(piece.memory, from + i * PIECE_BYTES, sizeOf(i), stream_),
                    "cuMemcpyDtoHAsync");
      driver_.check(driver_.eventRecord(piece.done, stream_), "cuEventRecord");
    }
    if (i > 0) {
      Piece& piece = pieces_[(i - 1) % 2];
      driver_.check(driver_.eventSynchronize(piece.done), "cuEventSynchronize");
      std::memcpy(to + (i - 1) * PIECE_BYTES, piece.memory, sizeOf(i - 1));
    }
  }
}

Context::Context(std::shared_ptr<const Driver> driver, CUdevice device) : driver_(std::move(driver)) {
  driver_->check(driver_->ctxCreate(&context_, 0, device), "cuCtxCreate");
  try {
    driver_->check(driver_->streamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    writes_ = std::make_unique<Staging>(*driver_, stream_);
    reads_ = std::make_unique<Staging>(*driver_, stream_);
  } catch (...) {
    driver_->ctxDestroy(context_);
    throw;
  }
  driver_->ctxSetCurrent(nullptr);
}

Context::~Context() {
  letGo();
  // Takes streams, events, modules and memory along, pinned memory too; fails for a context that a fault has ended,
  // and frees it nevertheless.
  if (closed_) driver_->ctxDestroy(context_);
}

void Context::makeCurrent() const { driver_->check(driver_->ctxSetCurrent(context_), "cuCtxSetCurrent"); }

CUdeviceptr Context::allocate(std::size_t bytes) {
  makeCurrent();
  CUdeviceptr address = 0;
  driver_->check(driver_->memAlloc(&address, bytes), "cuMemAlloc");
  return address;
}

void Context::release(CUdeviceptr address) {
  settleReads();
  makeCurrent();
  driver_->check(driver_->memFree(address), "cuMemFree");
}

std::array<std::size_t, 2> Context::memory() {
  makeCurrent();
  std::array<std::size_t, 2> bytes{};
  driver_->check(driver_->memGetInfo(&bytes[0], &bytes[1]), "cuMemGetInfo");
  return bytes;
}

void Context::write(CUdeviceptr to, const std::uint8_t* from, std::size_t bytes) {
  settleReads();
  makeCurrent();
  writes_->write(to, from, bytes);
}

void Context::fill(CUdeviceptr to, std::uint32_t value, int width, std::size_t count) {
  settleReads();
  makeCurrent();
  if (width == 2)
    driver_->check(driver_->memsetD16Async(to, static_cast<unsigned short>(value), count, stream_), "cuMemsetD16Async");
  else driver_->check(driver_->memsetD32Async(to, value, count, stream_), "cuMemsetD32Async");
}

void Context::beginRead() {
  const std::lock_guard<std::mutex> lock(pendingMutex_);
  pendingReads_++;
}

void Context::read(std::uint8_t* to, CUdeviceptr from, std::size_t bytes) {
  struct Ended {
    Context& context;
    ~Ended() {
      const std::lock_guard<std::mutex> lock(context.pendingMutex_);
      context.pendingReads_--;
      context.pendingChanged_.notify_all();
    }
  } const ended{*this};
  const std::lock_guard<std::mutex> lock(readMutex_);
  makeCurrent();
  reads_->read(to, from, bytes);
}

void Context::settleReads() {
  std::unique_lock<std::mutex> lock(pendingMutex_);
  pendingChanged_.wait(lock, [&] { return pendingReads_ == 0; });
}

// Not with cuLinkCreate: the input of a linker is compiled as relocatable code (ptxas -c), which is optimised less. 157
// registers instead of 128, and with them half the programs an SM, were seen.
CUmodule Context::compile(const std::string& ptx, bool lineInfo, std::string& log) const {
  std::vector<char> info(LOG_BYTES), errors(LOG_BYTES);
  int options[] = {JIT_INFO_LOG_BUFFER,  JIT_INFO_LOG_BUFFER_SIZE_BYTES,  JIT_ERROR_LOG_BUFFER,
                   JIT_ERROR_LOG_BUFFER_SIZE_BYTES, JIT_LOG_VERBOSE, JIT_GENERATE_LINE_INFO};
  const auto number = [](std::size_t n) { return reinterpret_cast<void*>(n); };
  void* values[] = {info.data(), number(info.size()), errors.data(), number(errors.size()), number(1), number(1)};
  CUmodule module = nullptr;
  try {
    // The line table is the last option.
    driver_->check(driver_->moduleLoadDataEx(&module, ptx.c_str(), lineInfo ? 6 : 5, options, values),
                   "cuModuleLoadDataEx");
  } catch (CudaFailure& failure) {
    failure.log = std::string(errors.data()) + info.data();
    throw;
  }
  log = info.data();
  return module;
}

Kernel Context::load(const std::string& ptx, const std::string& entry, unsigned threads, unsigned sharedBytes,
                     bool lineInfo) {
  makeCurrent();
  Kernel kernel;
  kernel.threads = threads;
  kernel.sharedBytes = sharedBytes;
  kernel.module = compile(ptx, lineInfo, kernel.log);
  try {
    driver_->check(driver_->moduleGetFunction(&kernel.function, kernel.module, entry.c_str()), "cuModuleGetFunction");
    if (sharedBytes > FREE_SHARED_BYTES) {
      const auto set = [&](FunctionAttribute attribute, int value) {
        driver_->check(driver_->funcSetAttribute(kernel.function, attribute, value), "cuFuncSetAttribute");
      };
      set(FUNCTION_MAX_DYNAMIC_SHARED_BYTES, static_cast<int>(sharedBytes));
      set(FUNCTION_SHARED_CARVEOUT_PERCENT, 100);
    }
    kernel.facts = factsOf(kernel);
    return kernel;
  } catch (...) {
    driver_->moduleUnload(kernel.module);
    throw;
  }
}

KernelFacts Context::factsOf(const Kernel& kernel) const {
  const auto get = [&](FunctionAttribute attribute) {
    int value = 0;
    driver_->check(driver_->funcGetAttribute(&value, attribute, kernel.function), "cuFuncGetAttribute");
    return value;
  };
  KernelFacts facts;
  facts.registers = get(FUNCTION_REGISTERS);
  facts.localBytes = get(FUNCTION_LOCAL_BYTES);
  facts.staticSharedBytes = get(FUNCTION_STATIC_SHARED_BYTES);
  facts.maxThreads = get(FUNCTION_MAX_THREADS);
  driver_->check(driver_->occupancy(&facts.programsPerSm, kernel.function, static_cast<int>(kernel.threads),
                                    kernel.sharedBytes),
                 "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  return facts;
}

void Context::unload(const Kernel& kernel) {
  makeCurrent();
  driver_->moduleUnload(kernel.module);
}

void Context::launch(const Kernel& kernel, unsigned programs, void* params, std::size_t paramBytes) {
  settleReads();
  makeCurrent();
  Extra extra(params, paramBytes);
  driver_->check(driver_->launchKernel(kernel.function, programs, 1, 1, kernel.threads, 1, 1, kernel.sharedBytes,
                                       stream_, nullptr, extra.get()),
                 "cuLaunchKernel");
}

Graph Context::buildGraph(std::vector<Step> steps, const std::vector<std::vector<std::uint8_t>>& params) {
  makeCurrent();
  Graph made;
  made.steps = std::move(steps);
  try {
    driver_->check(driver_->graphCreate(&made.graph, 0), "cuGraphCreate");
    for (std::size_t i = 0; i < made.steps.size(); i++) {
      Extra extra(const_cast<std::uint8_t*>(params[i].data()), params[i].size());
      const KernelNodeParams node = nodeParams(made.steps[i], extra);
      const CUgraphNode* before = made.nodes.empty() ? nullptr : &made.nodes.back();
      CUgraphNode added = nullptr;
      driver_->check(driver_->graphAddKernelNode(&added, made.graph, before, before == nullptr ? 0 : 1, &node),
                     "cuGraphAddKernelNode");
      made.nodes.push_back(added);
    }
    driver_->check(driver_->graphInstantiate(&made.exec, made.graph, 0), "cuGraphInstantiateWithFlags");
    return made;
  } catch (...) {
    destroyGraph(made);
    throw;
  }
}

void Context::setParams(const Graph& graph, std::size_t step, void* params, std::size_t paramBytes) {
  makeCurrent();
  Extra extra(params, paramBytes);
  const KernelNodeParams node = nodeParams(graph.steps.at(step), extra);
  driver_->check(driver_->graphExecKernelNodeSetParams(graph.exec, graph.nodes.at(step), &node),
                 "cuGraphExecKernelNodeSetParams");
}

void Context::launch(const Graph& graph) {
  settleReads();
  makeCurrent();
  driver_->check(driver_->graphLaunch(graph.exec, stream_), "cuGraphLaunch");
}

void Context::destroyGraph(const Graph& graph) {
  makeCurrent();
  if (graph.exec != nullptr) driver_->graphExecDestroy(graph.exec);
  if (graph.graph != nullptr) driver_->graphDestroy(graph.graph);
}

void Context::synchronize() {
  makeCurrent();
  driver_->check(driver_->streamSynchronize(stream_), "cuStreamSynchronize");
}

CUevent Context::createEvent() {
  makeCurrent();
  CUevent event = nullptr;
  driver_->check(driver_->eventCreate(&event, CU_EVENT_DEFAULT), "cuEventCreate");
  return event;
}

void Context::destroyEvent(CUevent event) {
  makeCurrent();
  driver_->eventDestroy(event);
}

void Context::record(CUevent event) {
  settleReads();
  makeCurrent();
  driver_->check(driver_->eventRecord(event, stream_), "cuEventRecord");
}

float Context::elapsedMs(CUevent from, CUevent to) {
  makeCurrent();
  float ms = 0;
  driver_->check(driver_->eventElapsedTime(&ms, from, to), "cuEventElapsedTime");
  return ms;
}

void Context::hold() {
  settleReads();
  makeCurrent();
  letGo();
  gate_ = std::make_shared<Gate>();
  auto* data = new std::shared_ptr<Gate>(gate_);
  const CUresult result = driver_->launchHostFunc(stream_, waitAtGate, data);
  if (result != CUDA_SUCCESS) delete data;
  driver_->check(result, "cuLaunchHostFunc");
}

void Context::letGo() {
  const std::shared_ptr<Gate> gate = std::move(gate_);
  if (gate == nullptr) return;
  const std::lock_guard<std::mutex> lock(gate->mutex);
  gate->open = true;
  gate->changed.notify_all();
}

}  // namespace lac
