using System.Buffers;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;

namespace Skylight.Edge.Hosting.Logging;

/// <summary>
/// Writes log entries to the standard output, one JSON line each. Lines that come within some milliseconds go out together, by a thread of their own: a
/// request does not pay for a system call. A warning or worse is written at once, and whatever is left when the host stops.
/// </summary>
internal sealed class LineLogs : ILoggerProvider
{
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(20);

    /// <summary>Past this the output does not keep up, and who logs waits for it.</summary>
    private const int MaxPendingBytes = 4 << 20;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_line;

    [ThreadStatic]
    private static Utf8JsonWriter? t_json;

    private readonly JsonLines _format;
    private readonly Stream _output;
    private readonly Thread _writer;
    private readonly object _gate = new();
    private ArrayBufferWriter<byte> _pending = new(64 * 1024);
    private ArrayBufferWriter<byte> _writing = new(64 * 1024);
    private bool _urgent;
    private bool _stopped;

    public LineLogs(JsonLines format, Stream output)
    {
        (_format, _output) = (format, output);
        _writer = new Thread(WriteLoop) { IsBackground = true, Name = "logs" };
        _writer.Start();
    }

    public ILogger CreateLogger(string categoryName) => new Line(this, categoryName);

    public void Dispose()
    {
        lock (_gate)
        {
            if (_stopped) return;
            _stopped = true;
            Monitor.PulseAll(_gate);
        }

        _writer.Join();
    }

    private void Add<TState>(in LogEntry<TState> entry)
    {
        var line = t_line ??= new ArrayBufferWriter<byte>(1024);
        var json = t_json ??= JsonLines.Writer(line);
        line.ResetWrittenCount();
        json.Reset(line);
        _format.Write(entry, json);
        json.Flush();
        line.Write("\n"u8);
        lock (_gate)
        {
            while (_pending.WrittenCount > MaxPendingBytes && !_stopped) Monitor.Wait(_gate);
            if (_stopped) return;
            _pending.Write(line.WrittenSpan);
            _urgent |= entry.LogLevel >= LogLevel.Warning;

            // The writer sleeps until there is a first line, and is woken early by an urgent one.
            if (_urgent || _pending.WrittenCount == line.WrittenCount) Monitor.PulseAll(_gate);
        }

        // One long line (a stack) must not keep its memory for good.
        if (line.Capacity > 64 * 1024) t_line = null;
        if (t_line is null) t_json = null;
    }

    private void WriteLoop()
    {
        while (true)
        {
            bool stop;
            lock (_gate)
            {
                while (_pending.WrittenCount == 0 && !_stopped) Monitor.Wait(_gate);
                if (!_urgent && !_stopped) Monitor.Wait(_gate, Linger);
                (_pending, _writing, _urgent, stop) = (_writing, _pending, false, _stopped);
                Monitor.PulseAll(_gate);
            }

            try
            {
                _output.Write(_writing.WrittenSpan);
                _output.Flush();
            }
            catch (IOException)
            {
                // Nobody reads the output any more (a closed pipe): there is no place left to say so, and the host serves on.
                _writing.ResetWrittenCount();
            }

            _writing.ResetWrittenCount();
            if (stop) return;
        }
    }

    private sealed class Line(LineLogs logs, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            logs.Add(new LogEntry<TState>(logLevel, category, eventId, state, exception, formatter));
    }
}
