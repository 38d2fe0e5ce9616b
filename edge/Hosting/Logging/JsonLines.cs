using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;

namespace Skylight.Edge.Hosting.Logging;

/// <summary>
/// One line of JSON an entry: time, level, source, event, message, the message's values, the correlation id, and of an exception its types,
/// codes and stack. An exception's message is left out unless asked for: it may quote what a patient's file or a client's request held.
/// Scopes are left out: the framework puts the request's path there.
/// </summary>
internal sealed class JsonLines(LogPrivacy privacy, TimeProvider time)
{
    public static Utf8JsonWriter Writer(IBufferWriter<byte> line) => new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    public void Write<TState>(in LogEntry<TState> logEntry, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        Span<char> now = stackalloc char[24];
        time.GetUtcNow().UtcDateTime.TryFormat(now, out var count, "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        json.WriteString("time"u8, now[..count]);
        json.WriteString("level"u8, Level(logEntry.LogLevel));
        json.WriteString("source"u8, logEntry.Category);
        json.WriteNumber("event"u8, logEntry.EventId.Id);
        json.WriteString("message"u8, logEntry.Formatter(logEntry.State, null));
        if (Activity.Current is { } activity) json.WriteString("correlationId"u8, activity.TraceId.ToHexString());
        if (logEntry.State is IReadOnlyList<KeyValuePair<string, object?>> values && values.Count > 1) Values(json, values);
        if (logEntry.Exception is { } error) Error(json, error);
        json.WriteEndObject();
    }

    private static string Level(LogLevel level) => level switch
    {
        LogLevel.Critical => "critical",
        LogLevel.Error => "error",
        LogLevel.Warning => "warning",
        LogLevel.Information => "information",
        _ => "debug",
    };

    private static void Values(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> values)
    {
        json.WriteStartObject("values");
        for (var i = 0; i < values.Count; i++)
        {
            var (name, value) = values[i];
            if (name == "{OriginalFormat}") continue;
            switch (value)
            {
                case null:
                    json.WriteNull(name);
                    break;
                case bool flag:
                    json.WriteBoolean(name, flag);
                    break;
                case int or long or short or byte or uint:
                    json.WriteNumber(name, Convert.ToInt64(value, CultureInfo.InvariantCulture));
                    break;
                case double number when double.IsFinite(number):
                    json.WriteNumber(name, Math.Round(number, 3));
                    break;
                default:
                    json.WriteString(name, Convert.ToString(value, CultureInfo.InvariantCulture));
                    break;
            }
        }

        json.WriteEndObject();
    }

    private void Error(Utf8JsonWriter json, Exception error)
    {
        json.WriteStartArray("exception");
        for (var inner = error; inner is not null; inner = inner.InnerException)
        {
            json.WriteStartObject();
            json.WriteString("type", inner.GetType().FullName);
            json.WriteString("code", string.Create(CultureInfo.InvariantCulture, $"0x{inner.HResult:x8}"));
            if (inner is Microsoft.Data.Sqlite.SqliteException sqlite) json.WriteNumber("sqlite", sqlite.SqliteExtendedErrorCode);
            if (privacy.ExceptionMessages) json.WriteString("message", inner.Message);
            json.WriteString("stack", inner.StackTrace);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
