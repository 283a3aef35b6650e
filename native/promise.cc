#include "promise.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "driver.h"

namespace lac {

namespace {

/// Threads that wait for jobs; there are as many as jobs ran at once. Never destroyed: at the end of the process they may
/// still wait for the device.
struct Threads {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<std::function<void()>> jobs;
  std::size_t idle = 0;

  void run(std::function<void()> job) {
    const std::lock_guard<std::mutex> lock(mutex);
    jobs.push_back(std::move(job));
    if (idle < jobs.size()) std::thread([this] { loop(); }).detach();
    else arrived.notify_one();
  }

  [[noreturn]] void loop() {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      idle++;
      arrived.wait(lock, [this] { return !jobs.empty(); });
      idle--;
      const std::function<void()> job = std::move(jobs.front());
      jobs.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }
};

Threads& threads() {
  static auto* all = new Threads;
  return *all;
}

struct Pending {
  Napi::Promise::Deferred deferred;
  Work work;
  Finish finish;
  std::exception_ptr failure;
  napi_threadsafe_function bridge = nullptr;
};

void settle(Napi::Env env, Pending& pending) {
  const Napi::HandleScope scope(env);
  try {
    if (pending.failure) std::rethrow_exception(pending.failure);
    pending.deferred.Resolve(pending.finish ? pending.finish(env) : env.Undefined());
  } catch (...) {
    pending.deferred.Reject(currentError(env).Value());
  }
}

/// Without an environment the process, or its worker, is ending: handles cannot be given back, and nothing is.
void onJavaScriptThread(napi_env env, napi_value, void*, void* data) {
  if (env == nullptr) return;
  const std::unique_ptr<Pending> pending(static_cast<Pending*>(data));
  settle(env, *pending);
}

}  // namespace

Napi::Promise inBackground(Napi::Env env, Work work) {
  auto* pending = new Pending{Napi::Promise::Deferred::New(env), std::move(work), nullptr, nullptr};
  const Napi::Promise promise = pending->deferred.Promise();
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "lac:cuda"), 0, 1, nullptr, nullptr,
                                      nullptr, onJavaScriptThread, &pending->bridge);
  if (status != napi_ok) {
    delete pending;
    throw Napi::Error::New(env);
  }
  threads().run([pending] {
    try {
      pending->finish = pending->work();
    } catch (...) {
      pending->failure = std::current_exception();
    }
    const napi_threadsafe_function bridge = pending->bridge;
    napi_call_threadsafe_function(bridge, pending, napi_tsfn_blocking);
    napi_release_threadsafe_function(bridge, napi_tsfn_release);
  });
  return promise;
}

Napi::Error currentError(Napi::Env env) {
  try {
    throw;
  } catch (const CudaFailure& failure) {
    Napi::Error error = Napi::Error::New(env, failure.call + ": " + failure.name + " (" + failure.text + ")");
    error.Set("cuResult", Napi::Number::New(env, failure.result));
    error.Set("cuName", Napi::String::New(env, failure.name));
    error.Set("cuCall", Napi::String::New(env, failure.call));
    error.Set("cuText", Napi::String::New(env, failure.text));
    error.Set("log", Napi::String::New(env, failure.log));
    return error;
  } catch (const LibraryFailure& failure) {
    Napi::Error error = Napi::Error::New(env, failure.message);
    error.Set("library", Napi::Boolean::New(env, true));
    return error;
  } catch (const Napi::Error& error) {
    return error;
  } catch (const std::exception& failure) {
    return Napi::Error::New(env, failure.what());
  }
}

}  // namespace lac
