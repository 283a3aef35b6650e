#include "driver.h"

#include <dlfcn.h>

namespace lac {

namespace {

template <typename Function>
void find(void* library, const std::string& path, const char* symbol, Function& into) {
  into = reinterpret_cast<Function>(dlsym(library, symbol));
  if (into == nullptr) throw LibraryFailure(path + " has no function " + symbol);
}

}  // namespace

void Driver::check(CUresult result, const char* call) const {
  if (result == CUDA_SUCCESS) return;
  CudaFailure failure;
  failure.result = result;
  failure.call = call;
  const char* text = nullptr;
  // The two functions leave null for results that this driver does not know.
  if (getErrorName(result, &text) == CUDA_SUCCESS && text != nullptr) failure.name = text;
  else failure.name = "CUDA error " + std::to_string(result);
  text = nullptr;
  if (getErrorString(result, &text) == CUDA_SUCCESS && text != nullptr) failure.text = text;
  throw failure;
}

int Driver::attribute(DeviceAttribute attribute, CUdevice device) const {
  int value = 0;
  check(deviceGetAttribute(&value, attribute, device), "cuDeviceGetAttribute");
  return value;
}

std::shared_ptr<const Driver> loadDriver(const std::string& path) {
  // Never closed: the driver starts threads, and other addons may use it too.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw LibraryFailure(dlerror());
  auto driver = std::make_shared<Driver>();
#define LAC_FIND(member, symbol, parameters) find(library, path, symbol, driver->member);
  LAC_CUDA_FUNCTIONS(LAC_FIND)
#undef LAC_FIND
  driver->check(driver->init(0), "cuInit");
  return driver;
}

}  // namespace lac
