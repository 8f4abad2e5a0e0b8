// A stand-in for libnvidia-ml.so.1: one device, which spends 1,500 millijoules between two looks at its counter.
extern "C" {
int nvmlInit_v2();
int nvmlShutdown();
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device);
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules);
}

namespace {
int device_zero;
unsigned long long spent = 7'000'000;
}  // namespace

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index != 0) return 2;  // NVML_ERROR_INVALID_ARGUMENT
  *device = &device_zero;
  return 0;
}

int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* millijoules) {
  if (device != &device_zero) return 2;
  *millijoules = spent += 1500;
  return 0;
}
