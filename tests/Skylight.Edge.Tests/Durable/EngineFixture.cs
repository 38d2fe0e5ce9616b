using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Skylight.Edge.Runtime.Durable;

namespace Skylight.Edge.Tests.Durable;

/// <summary>An engine on a folder of its own that can be stopped and started again on the same data.</summary>
public sealed class EngineFixture : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("skylight-durable-").FullName;
    private readonly Action<IServiceCollection> _configure;
    private ServiceProvider? _services;

    public EngineFixture(DurableOptions? options = null, TimeProvider? clock = null, Action<IServiceCollection>? configure = null)
    {
        Options = options ?? new DurableOptions();
        Clock = clock ?? TimeProvider.System;
        _configure = configure ?? (_ => { });
    }

    public DurableOptions Options { get; }

    public TimeProvider Clock { get; }

    public RecordedLogs Logs { get; } = new();

    public DurableEngine Engine { get; private set; } = null!;

    public DurableTaskClient Client => Engine.Client;

    public string File => Path.Combine(_folder, "durable.db");

    public Counter Counts => _services!.GetRequiredService<Counter>();

    public IServiceScopeFactory Scopes => _services!.GetRequiredService<IServiceScopeFactory>();

    public static CancellationToken Soon => new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;

    public async Task<EngineFixture> StartAsync()
    {
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.SetMinimumLevel(LogLevel.Debug).AddProvider(Logs));
        services.AddSingleton(Clock);
        services.AddSingleton<Counter>();
        _configure(services);
        _services = services.BuildServiceProvider();
        Engine = new DurableEngine(File, [typeof(EngineFixture).Assembly], _services, Options);
        await Engine.StartAsync(default);
        return this;
    }

    public async Task StopAsync()
    {
        await Engine.DisposeAsync();
        await _services!.DisposeAsync();
        _services = null;
    }

    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async Task<OrchestrationMetadata> RunAsync(string name, object? input = null, string? id = null)
    {
        id = await Client.ScheduleNewOrchestrationInstanceAsync(name, input, id is null ? null : new(id));
        return await Client.WaitForInstanceCompletionAsync(id, true, Soon);
    }

    /// <summary>Waits for what other threads bring about; the test's own time-out ends it when that never comes.</summary>
    public static async Task UntilAsync(Func<Task<bool>> reached)
    {
        var soon = Soon;
        while (!await reached()) await Task.Delay(5, soon);
    }

    public async Task StatusAsync(string id, string custom) =>
        await UntilAsync(async () => (await Client.GetInstanceAsync(id, true))?.SerializedCustomStatus == $"\"{custom}\"");

    public async ValueTask DisposeAsync()
    {
        if (_services is not null) await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

/// <summary>Counts what activities did, by name.</summary>
public sealed class Counter
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, int> _counts = new();

    public int Add(string name) => _counts.AddOrUpdate(name, 1, (_, count) => count + 1);

    public int this[string name] => _counts.GetValueOrDefault(name);
}

public sealed class RecordedLogs : ILoggerProvider
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<(string Category, string Text)> _lines = new();

    public IEnumerable<string> Of(string category) => _lines.Where(line => line.Category == category).Select(line => line.Text);

    public ILogger CreateLogger(string categoryName) => new Recorder(categoryName, _lines);

    public void Dispose()
    {
    }

    private sealed class Recorder(string category, System.Collections.Concurrent.ConcurrentQueue<(string, string)> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue((category, formatter(state, exception)));
    }
}
