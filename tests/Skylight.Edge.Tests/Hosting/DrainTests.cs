using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Skylight.Conformance;
using Skylight.Edge.Tests.Triggers;

namespace Skylight.Edge.Tests.Hosting;

/// <summary>What happens to requests when the host is told to stop.</summary>
public sealed class DrainTests : IAsyncLifetime
{
    private readonly TestClock _clock = new();
    private readonly Waiting _waiting = new();
    private TestHost _host = null!;

    public async ValueTask InitializeAsync() => _host = await TestHost.StartAsync(
        configure: b =>
        {
            b.Services.AddSingleton<TimeProvider>(_clock);
            b.Services.AddSingleton(_waiting);
        },
        functions: [typeof(WaitHttp)]);

    public async ValueTask DisposeAsync()
    {
        _waiting.Release.TrySetResult();
        await _host.DisposeAsync();
        _waiting.Dispose();
    }

    [Fact]
    public async Task Stop_RequestRunning_IsAnswered()
    {
        var answer = _host.Client.GetAsync("/test/wait/abc");
        Assert.True(await _waiting.Entered.WaitAsync(TimeSpan.FromSeconds(20)));
        var stopping = _host.Edge.DisposeAsync().AsTask();
        await RefusedAsync();
        Assert.False(stopping.IsCompleted);
        _waiting.Release.SetResult();
        using var response = await answer;
        Assert.Equal("""{"length":3,"method":"GET"}""", await response.Content.ReadAsStringAsync());
        await stopping;
    }

    [Fact]
    public async Task Stop_RequestRunsPastTheDrainTime_IsCancelledAndTold()
    {
        var answer = _host.Client.GetAsync("/test/wait/abc");
        Assert.True(await _waiting.Entered.WaitAsync(TimeSpan.FromSeconds(20)));
        var stopping = _host.Edge.DisposeAsync().AsTask();
        await RefusedAsync();
        _clock.Advance(TimeSpan.FromSeconds(26));
        using var response = await answer;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(5), response.Headers.RetryAfter!.Delta);
        await stopping;
    }

    [Fact]
    public async Task Stop_Begun_IsNotReady()
    {
        var answer = _host.Client.GetAsync("/test/wait/abc");
        Assert.True(await _waiting.Entered.WaitAsync(TimeSpan.FromSeconds(20)));

        // Told on the connection that is open already, before the listener closes.
        _host.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        using var ready = await _host.Client.GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        Assert.Contains("stopping", await ready.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        _waiting.Release.SetResult();
        (await answer).Dispose();
    }

    /// <summary>Waits until the listener takes no more connections.</summary>
    private async Task RefusedAsync()
    {
        for (var i = 0; i < 1000; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, _host.Edge.Address.Port);
            }
            catch (SocketException)
            {
                return;
            }

            await Task.Delay(10);
        }

        Assert.Fail("the listener is still open");
    }
}
