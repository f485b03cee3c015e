/* SPDX-License-Identifier: Apache-2.0
 *
 * C++11 owners over monitor.h: zeus::monitor, zeus::measurement, zeus::window (a scope). Header
 * only; failures are zeus::error exceptions, except in destructors, which never throw.
 */
#ifndef ZEUS_MONITOR_HPP
#define ZEUS_MONITOR_HPP

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include <zeus/monitor.h>

namespace zeus
{

/* A failed call: what() is the message, code() the ZEUS_E code. */
class error : public std::runtime_error
{
  public:
    error(int code, const std::string &message) : std::runtime_error(message), code_(code)
    {
    }
    int code() const noexcept
    {
        return code_;
    }
    static void check(int code, const zeus_error &err)
    {
        if (code < 0) {
            throw error(code, err.message[0] != '\0' ? err.message : zeus_strerror(code));
        }
    }

  private:
    int code_;
};

/* Owner of a measurement. */
class measurement
{
  public:
    explicit measurement(zeus_measurement *handle = nullptr) noexcept : handle_(handle)
    {
    }
    measurement(measurement &&other) noexcept : handle_(other.handle_)
    {
        other.handle_ = nullptr;
    }
    measurement &operator=(measurement &&other) noexcept
    {
        if (this != &other) {
            zeus_measurement_free(handle_);
            handle_ = other.handle_;
            other.handle_ = nullptr;
        }
        return *this;
    }
    measurement(const measurement &) = delete;
    measurement &operator=(const measurement &) = delete;
    ~measurement()
    {
        zeus_measurement_free(handle_);
    }

    zeus_measurement *get() const noexcept
    {
        return handle_;
    }
    double time_s() const
    {
        return zeus_measurement_time_s(handle_);
    }
    std::size_t size() const
    {
        return zeus_measurement_count(handle_);
    }
    zeus_energy at(std::size_t position) const
    {
        zeus_energy energy = zeus_energy();
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_measurement_get(handle_, position, &energy), err);
        return energy;
    }
    zeus_total total() const
    {
        zeus_total total = zeus_total();
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_measurement_total(handle_, &total), err);
        return total;
    }
    double total_gpu_j() const
    {
        return zeus_measurement_total_gpu_j(handle_);
    }
    std::string json(int indent = 0) const
    {
        const char *text = nullptr;
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_measurement_json(handle_, indent, &text), err);
        return text;
    }

  private:
    zeus_measurement *handle_;
};

/* Owner of a monitor. The session must outlive it. */
class monitor
{
  public:
    explicit monitor(zeus_session *session, const zeus_monitor_options *options = nullptr)
        : handle_(nullptr)
    {
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_monitor_open(session, options, &handle_, &err), err);
    }
    monitor(monitor &&other) noexcept : handle_(other.handle_)
    {
        other.handle_ = nullptr;
    }
    monitor(const monitor &) = delete;
    monitor &operator=(const monitor &) = delete;
    ~monitor()
    {
        zeus_monitor_close(handle_);
    }

    zeus_monitor *get() const noexcept
    {
        return handle_;
    }
    void begin(const std::string &name, std::uint32_t flags = 0)
    {
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_monitor_begin_window(handle_, name.c_str(), flags, &err), err);
    }
    measurement end(const std::string &name, std::uint32_t flags = 0)
    {
        zeus_measurement *result = nullptr;
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_monitor_end_window(handle_, name.c_str(), flags, &result, &err), err);
        return measurement(result);
    }
    measurement estimate(const std::string &name)
    {
        zeus_measurement *result = nullptr;
        zeus_error err = ZEUS_ERROR_INIT;
        error::check(zeus_monitor_estimate_window(handle_, name.c_str(), &result, &err), err);
        return measurement(result);
    }

  private:
    zeus_monitor *handle_;
};

/* A window for a scope: begun here, ended by end() or, unmeasured, by the destructor. */
class window
{
  public:
    window(monitor &owner, const std::string &name, std::uint32_t flags = 0)
        : owner_(&owner), name_(name)
    {
        owner.begin(name_, flags);
    }
    window(const window &) = delete;
    window &operator=(const window &) = delete;
    ~window()
    {
        if (owner_ != nullptr) {
            int ignored =
                zeus_monitor_end_window(owner_->get(), name_.c_str(), 0, nullptr, nullptr);
            (void)ignored;
        }
    }
    measurement end(std::uint32_t flags = 0)
    {
        monitor *owner = owner_;
        owner_ = nullptr;
        return owner->end(name_, flags);
    }
    measurement estimate()
    {
        return owner_->estimate(name_);
    }

  private:
    monitor *owner_;
    std::string name_;
};

} /* namespace zeus */

#endif /* ZEUS_MONITOR_HPP */
