// What JavaScript sees: plain objects whose functions hold what they work on. The types are in runtime/cuda/native.ts.
#include <napi.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "context.h"
#include "promise.h"

namespace lac {

namespace {

/// Emptied by destroy(). Kernels and events hold it too, so that none of them keeps a context alive; work in the
/// background holds the context itself.
using Slot = std::shared_ptr<std::shared_ptr<Context>>;

std::shared_ptr<Context> contextIn(const Slot& slot, Napi::Env env) {
  if (*slot == nullptr) throw Napi::Error::New(env, "the context was destroyed");
  return *slot;
}

template <typename Callback>
void method(Napi::Object object, const char* name, Callback callback) {
  const auto guarded = [callback](const Napi::CallbackInfo& info) -> Napi::Value {
    try {
      return callback(info);
    } catch (...) {
      throw currentError(info.Env());
    }
  };
  object.Set(name, Napi::Function::New(object.Env(), guarded, name));
}

void number(Napi::Object object, const char* name, double value) {
  object.Set(name, Napi::Number::New(object.Env(), value));
}

CUdeviceptr addressOf(const Napi::Value& value) { return static_cast<CUdeviceptr>(value.As<Napi::Number>().Int64Value()); }
std::size_t sizeOf(const Napi::Value& value) { return static_cast<std::size_t>(value.As<Napi::Number>().Int64Value()); }
std::uint32_t wordOf(const Napi::Value& value) { return value.As<Napi::Number>().Uint32Value(); }

/// Bytes of a typed array.
std::pair<std::uint8_t*, std::size_t> bytesOf(const Napi::Value& value) {
  const auto array = value.As<Napi::TypedArray>();
  return {static_cast<std::uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset(), array.ByteLength()};
}

/// Keeps a JavaScript object alive for as long as a closure that holds this.
template <typename T>
std::shared_ptr<Napi::Reference<T>> keep(const T& value) {
  return std::make_shared<Napi::Reference<T>>(Napi::Persistent(value));
}

Napi::Value kernelObject(Napi::Env env, const Slot& slot, const Kernel& loaded, Napi::ArrayBuffer params) {
  // The last closure that holds it unloads the module, unless that went with its context.
  const std::shared_ptr<Kernel> kernel(new Kernel(loaded), [slot](Kernel* gone) {
    try {
      if (*slot != nullptr) (*slot)->unload(*gone);
    } catch (const CudaFailure&) {
      // The context is lost; its modules are gone.
    }
    delete gone;
  });
  auto object = Napi::Object::New(env);
  number(object, "registers", kernel->facts.registers);
  number(object, "localBytes", kernel->facts.localBytes);
  number(object, "staticSharedBytes", kernel->facts.staticSharedBytes);
  number(object, "maxThreads", kernel->facts.maxThreads);
  number(object, "programsPerSm", kernel->facts.programsPerSm);
  object.Set("log", Napi::String::New(env, kernel->log));
  void* block = params.Data();
  const std::size_t bytes = params.ByteLength();
  method(object, "launch", [slot, kernel, block, bytes, alive = keep(params)](const Napi::CallbackInfo& info) {
    contextIn(slot, info.Env())->launch(*kernel, wordOf(info[0]), block, bytes);
    return info.Env().Undefined();
  });
  using Held = std::shared_ptr<const Kernel>;
  object.Set("handle", Napi::External<Held>::New(env, new Held(kernel), [](Napi::Env, Held* held) { delete held; }));
  return object;
}

/// Launches `info[0]`: kernels by their handles, `info[1]`: programs, `info[2]`: parameter blocks.
Napi::Value graphObject(const Napi::CallbackInfo& info, const Slot& slot) {
  const Napi::Env env = info.Env();
  const auto handles = info[0].As<Napi::Array>(), programs = info[1].As<Napi::Array>(), blocks = info[2].As<Napi::Array>();
  std::vector<Step> steps;
  std::vector<std::vector<std::uint8_t>> params;
  for (std::uint32_t i = 0; i < handles.Length(); i++) {
    const Napi::Value handle = handles[i], count = programs[i];
    const auto [data, bytes] = bytesOf(blocks[i]);
    steps.push_back({*handle.As<Napi::External<std::shared_ptr<const Kernel>>>().Data(), wordOf(count)});
    params.emplace_back(data, data + bytes);
  }
  const std::shared_ptr<Graph> graph(new Graph(contextIn(slot, env)->buildGraph(std::move(steps), params)),
                                     [slot](Graph* gone) {
                                       try {
                                         if (*slot != nullptr) (*slot)->destroyGraph(*gone);
                                       } catch (const CudaFailure&) {
                                         // The context is lost; its graphs are gone.
                                       }
                                       delete gone;
                                     });
  auto object = Napi::Object::New(env);
  method(object, "setParams", [slot, graph](const Napi::CallbackInfo& call) {
    const auto [data, bytes] = bytesOf(call[1]);
    contextIn(slot, call.Env())->setParams(*graph, sizeOf(call[0]), data, bytes);
    return call.Env().Undefined();
  });
  method(object, "launch", [slot, graph](const Napi::CallbackInfo& call) {
    contextIn(slot, call.Env())->launch(*graph);
    return call.Env().Undefined();
  });
  return object;
}

Napi::Value eventsObject(Napi::Env env, const Slot& slot, std::size_t count) {
  using Events = std::vector<CUevent>;
  const std::shared_ptr<Events> events(new Events, [slot](Events* gone) {
    try {
      if (*slot != nullptr)
        for (CUevent event : *gone) (*slot)->destroyEvent(event);
    } catch (const CudaFailure&) {
      // The context is lost; its events are gone.
    }
    delete gone;
  });
  for (std::size_t i = 0; i < count; i++) events->push_back(contextIn(slot, env)->createEvent());
  auto object = Napi::Object::New(env);
  method(object, "record", [slot, events](const Napi::CallbackInfo& info) {
    contextIn(slot, info.Env())->record(events->at(sizeOf(info[0])));
    return info.Env().Undefined();
  });
  method(object, "elapsedMs", [slot, events](const Napi::CallbackInfo& info) {
    const auto context = contextIn(slot, info.Env());
    return Napi::Number::New(info.Env(), context->elapsedMs(events->at(sizeOf(info[0])), events->at(sizeOf(info[1]))));
  });
  return object;
}

void memoryMethods(Napi::Object object, const Slot& slot) {
  method(object, "allocate", [slot](const Napi::CallbackInfo& info) {
    const CUdeviceptr address = contextIn(slot, info.Env())->allocate(sizeOf(info[0]));
    return Napi::Number::New(info.Env(), static_cast<double>(address));
  });
  method(object, "release", [slot](const Napi::CallbackInfo& info) {
    contextIn(slot, info.Env())->release(addressOf(info[0]));
    return info.Env().Undefined();
  });
  method(object, "memory", [slot](const Napi::CallbackInfo& info) {
    const auto [free, total] = contextIn(slot, info.Env())->memory();
    auto result = Napi::Object::New(info.Env());
    number(result, "free", static_cast<double>(free));
    number(result, "total", static_cast<double>(total));
    return result;
  });
  method(object, "write", [slot](const Napi::CallbackInfo& info) {
    const auto [data, bytes] = bytesOf(info[1]);
    contextIn(slot, info.Env())->write(addressOf(info[0]), data, bytes);
    return info.Env().Undefined();
  });
  method(object, "fill", [slot](const Napi::CallbackInfo& info) {
    const int width = static_cast<int>(wordOf(info[2]));
    contextIn(slot, info.Env())->fill(addressOf(info[0]), wordOf(info[1]), width, sizeOf(info[3]));
    return info.Env().Undefined();
  });
  method(object, "read", [slot](const Napi::CallbackInfo& info) {
    const auto context = contextIn(slot, info.Env());
    const CUdeviceptr from = addressOf(info[0]);
    const auto [data, bytes] = bytesOf(info[1]);
    context->beginRead();
    return inBackground(info.Env(), [context, from, to = data, bytes = bytes,
                                     alive = keep(info[1].As<Napi::TypedArray>())]() -> Finish {
      context->read(to, from, bytes);
      return nullptr;
    });
  });
}

void programMethods(Napi::Object object, const Slot& slot) {
  method(object, "load", [slot](const Napi::CallbackInfo& info) {
    const auto context = contextIn(slot, info.Env());
    const std::string ptx = info[0].As<Napi::String>().Utf8Value(), entry = info[1].As<Napi::String>().Utf8Value();
    const std::uint32_t threads = wordOf(info[2]), sharedBytes = wordOf(info[3]);
    const auto params = keep(info[4].As<Napi::ArrayBuffer>());
    const bool lineInfo = info[5].ToBoolean().Value();
    return inBackground(info.Env(), [=]() -> Finish {
      const Kernel kernel = context->load(ptx, entry, threads, sharedBytes, lineInfo);
      return [slot, kernel, params](Napi::Env env) { return kernelObject(env, slot, kernel, params->Value()); };
    });
  });
  method(object, "graph", [slot](const Napi::CallbackInfo& info) { return graphObject(info, slot); });
}

void streamMethods(Napi::Object object, const Slot& slot) {
  method(object, "synchronize", [slot](const Napi::CallbackInfo& info) {
    const auto context = contextIn(slot, info.Env());
    return inBackground(info.Env(), [context]() -> Finish {
      context->synchronize();
      return nullptr;
    });
  });
  method(object, "events", [slot](const Napi::CallbackInfo& info) {
    return eventsObject(info.Env(), slot, sizeOf(info[0]));
  });
  method(object, "hold", [slot](const Napi::CallbackInfo& info) {
    contextIn(slot, info.Env())->hold();
    return info.Env().Undefined();
  });
  method(object, "letGo", [slot](const Napi::CallbackInfo& info) {
    contextIn(slot, info.Env())->letGo();
    return info.Env().Undefined();
  });
  method(object, "destroy", [slot](const Napi::CallbackInfo& info) {
    if (*slot != nullptr) {
      (*slot)->close();
      (*slot)->letGo();
    }
    slot->reset();
    return info.Env().Undefined();
  });
}

Napi::Object contextObject(Napi::Env env, std::shared_ptr<Context> context) {
  const auto slot = std::make_shared<std::shared_ptr<Context>>(std::move(context));
  auto object = Napi::Object::New(env);
  memoryMethods(object, slot);
  programMethods(object, slot);
  streamMethods(object, slot);
  return object;
}

Napi::Object deviceObject(Napi::Env env, const Driver& driver, int ordinal) {
  CUdevice device = 0;
  driver.check(driver.deviceGet(&device, ordinal), "cuDeviceGet");
  char name[256] = "";
  driver.check(driver.deviceGetName(name, sizeof name, device), "cuDeviceGetName");
  std::size_t bytes = 0;
  driver.check(driver.deviceTotalMem(&bytes, device), "cuDeviceTotalMem");
  auto object = Napi::Object::New(env);
  object.Set("name", Napi::String::New(env, name));
  number(object, "memoryBytes", static_cast<double>(bytes));
  const auto get = [&](DeviceAttribute attribute) { return driver.attribute(attribute, device); };
  number(object, "sm", get(COMPUTE_CAPABILITY_MAJOR) * 10 + get(COMPUTE_CAPABILITY_MINOR));
  number(object, "multiprocessors", get(MULTIPROCESSOR_COUNT));
  number(object, "clockKHz", get(CLOCK_RATE_KHZ));
  number(object, "l2Bytes", get(L2_CACHE_BYTES));
  number(object, "warpLanes", get(WARP_SIZE));
  number(object, "maxThreads", get(MAX_THREADS_PER_BLOCK));
  number(object, "maxGrid", get(MAX_GRID_DIM_X));
  number(object, "maxSharedBytes", get(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
  return object;
}

Napi::Value openDriver(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto driver = loadDriver(info[0].As<Napi::String>().Utf8Value());
  auto object = Napi::Object::New(env);
  int version = 0, count = 0;
  driver->check(driver->driverGetVersion(&version), "cuDriverGetVersion");
  driver->check(driver->deviceGetCount(&count), "cuDeviceGetCount");
  number(object, "version", version);
  auto devices = Napi::Array::New(env, static_cast<std::size_t>(count));
  for (int i = 0; i < count; i++) devices.Set(static_cast<std::uint32_t>(i), deviceObject(env, *driver, i));
  object.Set("devices", devices);
  method(object, "createContext", [driver](const Napi::CallbackInfo& call) {
    const int ordinal = call[0].As<Napi::Number>().Int32Value();
    return inBackground(call.Env(), [driver, ordinal]() -> Finish {
      CUdevice device = 0;
      driver->check(driver->deviceGet(&device, ordinal), "cuDeviceGet");
      const auto context = std::make_shared<Context>(driver, device);
      return [context](Napi::Env env) { return contextObject(env, context); };
    });
  });
  return object;
}

Napi::Object initialise(Napi::Env, Napi::Object exports) {
  method(exports, "openDriver", openDriver);
  return exports;
}

}  // namespace

NODE_API_MODULE(lac_cuda, initialise)

}  // namespace lac
