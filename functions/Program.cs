using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Skylight.Azure;
using Skylight.Functions;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();
builder.UseSkylight();
builder.Services.AddSkylight(builder.Configuration);
builder.Services.AddAzureAdapters(builder.Configuration);
await builder.Build().RunAsync();
