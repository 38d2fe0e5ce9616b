using System.Buffers;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Skylight.Edge.Hosting.Logging;

/// <summary>
/// One line of JSON an entry: time, level, source, event, message, the message's values, the correlation id, and of an exception its types,
/// codes and stack. An exception's message is left out unless asked for: it may quote what a patient's file or a client's request held.
/// Scopes are left out: the framework puts the request's path there.
/// </summary>
internal sealed class JsonLines(LogPrivacy privacy, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "skylight-json";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
            json.WriteString("level", Level(logEntry.LogLevel));
            json.WriteString("source", logEntry.Category);
            json.WriteNumber("event", logEntry.EventId.Id);
            json.WriteString("message", logEntry.Formatter(logEntry.State, null));
            if (Activity.Current is { } activity) json.WriteString("correlationId", activity.TraceId.ToHexString());
            if (logEntry.State is IReadOnlyList<KeyValuePair<string, object?>> values && values.Count > 1) Values(json, values);
            if (logEntry.Exception is { } error) Error(json, error);
            json.WriteEndObject();
        }

        textWriter.Write(Encoding.UTF8.GetString(buffer.WrittenSpan));
        textWriter.Write('\n');
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
        foreach (var (name, value) in values)
        {
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
