// Work on a thread of ours whose end settles a JavaScript promise.
//
// Not on the threads of libuv (Napi::AsyncWorker): there are four of them, files and name look-ups need them too, and
// process.exit waits for what they do, so that a kernel which never ends would keep the process from ending.
#pragma once

#include <functional>

#include <napi.h>

namespace lac {

/// Makes the value that the promise gets. Called on the JavaScript thread.
using Finish = std::function<Napi::Value(Napi::Env)>;
/// Called on another thread. What it throws rejects the promise, through `toError`. What it captures is destroyed on the
/// JavaScript thread.
using Work = std::function<Finish()>;

Napi::Promise inBackground(Napi::Env env, Work work);

/// An Error for the exception in flight: `cuResult`, `cuName`, `cuCall`, `cuText` and `log` for one of the driver,
/// `library` for one of loading it.
Napi::Error currentError(Napi::Env env);

}  // namespace lac
