// One CUDA context with one stream: memory, copies through pinned staging, programs and launches.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "driver.h"

namespace lac {

/// Two pieces of pinned memory, filled and sent in turn, so that the host copies one while the device transfers the other.
class Staging {
 public:
  static constexpr std::size_t PIECE_BYTES = std::size_t{4} << 20;

  Staging(const Driver& driver, CUstream stream);
  void write(CUdeviceptr to, const std::uint8_t* from, std::size_t bytes);
  /// Returns when the bytes are there.
  void read(std::uint8_t* to, CUdeviceptr from, std::size_t bytes);

 private:
  struct Piece {
    void* memory = nullptr;
    /// Recorded behind the last transfer of this piece.
    CUevent done = nullptr;
  };
  const Driver& driver_;
  CUstream stream_;
  std::array<Piece, 2> pieces_;
  std::size_t next_ = 0;
};

/// Attributes of a compiled kernel.
struct KernelFacts {
  int registers = 0;
  /// Bytes of local memory a thread: spills and arrays.
  int localBytes = 0;
  int staticSharedBytes = 0;
  int maxThreads = 0;
  /// Programs that an SM holds at once.
  int programsPerSm = 0;
};

struct Kernel {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  unsigned threads = 0;
  unsigned sharedBytes = 0;
  KernelFacts facts;
  /// What the driver's compiler said; empty where the program came from the driver's cache.
  std::string log;
};

/// A launch as a node of a graph: the parameters are copied.
struct Step {
  std::shared_ptr<const Kernel> kernel;
  unsigned programs = 0;
};

/// Launches one after another, submitted as one.
struct Graph {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  std::vector<Step> steps;
  std::vector<CUgraphNode> nodes;
};

/// Keeps a stream from running what is queued behind it, so that the host's pace does not show in timings.
struct Gate {
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
};

/// Every method may be called on any thread. What submits work (write, fill, launch, record, hold) is called on the
/// JavaScript thread alone, and first waits for reads that are under way: work takes effect in the order of the calls.
class Context {
 public:
  Context(std::shared_ptr<const Driver> driver, CUdevice device);
  /// The context goes only if `close` was called: at the end of the process a kernel that never ends must not hold up
  /// the exit, and the driver cleans up by itself.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void close() { closed_ = true; }
  const Driver& driver() const { return *driver_; }

  CUdeviceptr allocate(std::size_t bytes);
  void release(CUdeviceptr address);
  /// Bytes of device memory: free, total.
  std::array<std::size_t, 2> memory();

  void write(CUdeviceptr to, const std::uint8_t* from, std::size_t bytes);
  /// `count` elements of `width` bytes (2 or 4).
  void fill(CUdeviceptr to, std::uint32_t value, int width, std::size_t count);
  /// To be called before a read is handed to another thread; `read` ends it.
  void beginRead();
  void read(std::uint8_t* to, CUdeviceptr from, std::size_t bytes);

  /// PTX to a program on this device. A failure to compile carries the log.
  Kernel load(const std::string& ptx, const std::string& entry, unsigned threads, unsigned sharedBytes, bool lineInfo);
  void unload(const Kernel& kernel);
  void launch(const Kernel& kernel, unsigned programs, void* params, std::size_t paramBytes);

  /// `params`: a block for each step.
  Graph buildGraph(std::vector<Step> steps, const std::vector<std::vector<std::uint8_t>>& params);
  /// For later launches of the graph; those that are queued keep what they were given.
  void setParams(const Graph& graph, std::size_t step, void* params, std::size_t paramBytes);
  void launch(const Graph& graph);
  void destroyGraph(const Graph& graph);

  void synchronize();
  CUevent createEvent();
  void destroyEvent(CUevent event);
  void record(CUevent event);
  float elapsedMs(CUevent from, CUevent to);

  void hold();
  void letGo();

 private:
  void makeCurrent() const;
  void settleReads();
  CUmodule compile(const std::string& ptx, bool lineInfo, std::string& log) const;
  KernelFacts factsOf(const Kernel& kernel) const;

  std::shared_ptr<const Driver> driver_;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  std::unique_ptr<Staging> writes_;
  std::unique_ptr<Staging> reads_;
  std::mutex readMutex_;
  std::mutex pendingMutex_;
  std::condition_variable pendingChanged_;
  int pendingReads_ = 0;
  std::shared_ptr<Gate> gate_;
  std::atomic<bool> closed_{false};
};

}  // namespace lac
