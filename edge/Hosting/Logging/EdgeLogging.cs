using Microsoft.Extensions.Options;

namespace Skylight.Edge.Hosting.Logging;

/// <summary>Logs go to the console as one JSON object a line. The framework's own request logging is off: it would write paths and queries.</summary>
internal static class EdgeLogging
{
    public static void Add(WebApplicationBuilder builder, EdgeSetup setup)
    {
        var logging = builder.Logging;
        logging.SetMinimumLevel(LogLevel.Information);
        logging.AddConfiguration(builder.Configuration.GetSection("Logging"));

        // After the configuration, so that no setting brings them back: these write URLs.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.Routing", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.Mvc", LogLevel.None);
        logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Error);
        logging.AddFilter("Microsoft.AspNetCore.Cors", LogLevel.Warning);
        logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);

        // A failed start is told in words by the caller; this would add a page of stack.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddFilter("System.Net.Http.HttpClient", LogLevel.None);
        logging.AddFilter("Azure", LogLevel.Warning);
        if (setup.Quiet) return;
        builder.Services.AddSingleton<ILoggerProvider>(static services => new LineLogs(
            new JsonLines(new LogPrivacy(services.GetRequiredService<IOptions<EdgeOptions>>().Value.LogExceptionMessages), services.GetRequiredService<TimeProvider>()),
            Console.OpenStandardOutput()));
    }
}

/// <param name="ExceptionMessages">Whether messages of exceptions, which may quote data, are written.</param>
internal sealed record LogPrivacy(bool ExceptionMessages);
